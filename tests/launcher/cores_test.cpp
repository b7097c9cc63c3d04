#include "launcher/cores.h"

#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

namespace resnext::launcher {
namespace {

namespace fs = std::filesystem;

/// A made-up / with the few files of /proc and /sys that are read.
class FakeRoot : public ::testing::Test {
 protected:
  FakeRoot() : root_(fs::path(::testing::TempDir()) / ("root-" + std::to_string(getpid()))) {}
  ~FakeRoot() override { fs::remove_all(root_); }

  void put(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text << '\n';
  }
  std::optional<double> quota() const { return cpu_quota(root_.string()); }

  fs::path root_;
};

TEST_F(FakeRoot, NoGroupsIsNoQuota) {
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(FakeRoot, Version2) {
  put("proc/self/cgroup", "0::/a/b");
  put("sys/fs/cgroup/a/b/cpu.max", "max 100000");
  EXPECT_EQ(quota(), std::nullopt);
  put("sys/fs/cgroup/a/b/cpu.max", "250000 100000");
  EXPECT_EQ(quota(), 2.5);
}

TEST_F(FakeRoot, Version2ParentIsTighter) {
  put("proc/self/cgroup", "0::/a/b");
  put("sys/fs/cgroup/a/b/cpu.max", "400000 100000");
  put("sys/fs/cgroup/a/cpu.max", "150000 100000");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(FakeRoot, InAContainerThePathIsTheHosts) {
  put("proc/self/cgroup", "0::/docker/0123456789abcdef");
  put("sys/fs/cgroup/cpu.max", "200000 100000");
  EXPECT_EQ(quota(), 2.0);
}

TEST_F(FakeRoot, Version1) {
  put("proc/self/cgroup", "5:cpuset:/x\n4:cpu,cpuacct:/job\n0::/");
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1");
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000");
  EXPECT_EQ(quota(), std::nullopt);
  put("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "300000");
  EXPECT_EQ(quota(), 3.0);
}

TEST_F(FakeRoot, HardwareThreadsOfOneCoreAreOne) {
  put("sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,2");
  put("sys/devices/system/cpu/cpu1/topology/thread_siblings_list", "1,3");
  put("sys/devices/system/cpu/cpu2/topology/thread_siblings_list", "0,2");
  put("sys/devices/system/cpu/cpu3/topology/thread_siblings_list", "1,3");
  EXPECT_EQ(physical_cores({0, 1, 2, 3}, root_.string()), 2);
  EXPECT_EQ(physical_cores({0, 2}, root_.string()), 1);
  EXPECT_EQ(physical_cores({7, 8, 9}, root_.string()), 3);  // the kernel does not tell
}

TEST(LimitCores, WholePartOfTheQuotaButAtLeastOne) {
  EXPECT_EQ(limit_cores(8, std::nullopt), 8);
  EXPECT_EQ(limit_cores(8, 2.0), 2);
  EXPECT_EQ(limit_cores(8, 2.9), 2);
  EXPECT_EQ(limit_cores(8, 1.9999), 2);
  EXPECT_EQ(limit_cores(8, 0.5), 1);
  EXPECT_EQ(limit_cores(2, 64.0), 2);
}

TEST(FindCores, FollowsTheAffinity) {
  std::thread([] {  // affinity is the thread's, so the test's own stays as it is
    cpu_set_t before;
    ASSERT_EQ(sched_getaffinity(0, sizeof before, &before), 0);
    int first = 0;
    while (!CPU_ISSET(first, &before)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    const Cores cores = find_cores();
    EXPECT_EQ(cores.usable, 1);
    EXPECT_EQ(cores.whole_machine, sysconf(_SC_NPROCESSORS_ONLN) == 1);
  })
      .join();
}

}  // namespace
}  // namespace resnext::launcher
