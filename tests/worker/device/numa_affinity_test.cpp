#include "worker/device/numa_affinity.h"

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include "tests/worker/small_training.h"

namespace resnext::worker {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

/// A folder that has one PCI device as sysfs shows it.
class FakeSys {
 public:
  FakeSys(const std::string& device, const std::string& node, const std::string& cpus) {
    const std::filesystem::path path = folder_ / ("sys/bus/pci/devices/" + device);
    std::filesystem::create_directories(path);
    std::ofstream(path / "numa_node") << node << "\n";
    std::ofstream(path / "local_cpulist") << cpus << "\n";
  }
  const std::string& root() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

TEST(NumaAffinity, ReadsTheKernelsLists) {
  EXPECT_THAT(parse_cpu_list("0-3,8,10-11"), ElementsAre(0, 1, 2, 3, 8, 10, 11));
  EXPECT_THAT(parse_cpu_list("5"), ElementsAre(5));
  EXPECT_THAT(parse_cpu_list(""), IsEmpty());
  for (const char* bad : {"a", "1-", "-1", "1-2-3", "1 2"}) {
    EXPECT_THROW(parse_cpu_list(bad), std::invalid_argument) << bad;
  }
}

TEST(NumaAffinity, FindsTheCpusOfAGpu) {
  const FakeSys sys("0000:3b:00.0", "1", "4-5,12-13");
  EXPECT_THAT(cpus_near("0000:3b:00.0", sys.root()), ElementsAre(4, 5, 12, 13));
  // As cudaDeviceGetPCIBusId and nvidia-smi write it.
  EXPECT_THAT(cpus_near("0000:3B:00.0", sys.root()), ElementsAre(4, 5, 12, 13));
  EXPECT_THAT(cpus_near("00000000:3B:00.0", sys.root()), ElementsAre(4, 5, 12, 13));
  EXPECT_THAT(cpus_near("0000:5e:00.0", sys.root()), IsEmpty());
}

TEST(NumaAffinity, AMachineOfOneMemoryHasNoNearCpus) {
  EXPECT_THAT(cpus_near("0000:3b:00.0", FakeSys("0000:3b:00.0", "-1", "0-7").root()), IsEmpty());
}

TEST(NumaAffinity, KeepsToTheNodeUnlessBoundMoreTightly) {
  const std::vector<int> node{4, 5, 6, 7};
  EXPECT_THAT(narrowed_affinity({0, 1, 2, 3, 4, 5, 6, 7}, node), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(narrowed_affinity({0, 2, 4, 6, 8}, node), ElementsAre(4, 6));  // a container's share
  EXPECT_THAT(narrowed_affinity({4, 5}, node), IsEmpty());        // mpirun has bound it already
  EXPECT_THAT(narrowed_affinity({0, 1, 2, 3}, node), IsEmpty());  // elsewhere
  EXPECT_THAT(narrowed_affinity({0, 1, 2, 3}, {}), IsEmpty());
}

std::vector<int> affinity() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

TEST(NumaAffinity, ThreadsStartedAfterwardsKeepToIt) {
  const std::vector<int> before = affinity();
  if (before.size() < 2) GTEST_SKIP() << "there is but one CPU to keep to";
  const int kept = before.back();
  const FakeSys sys("0000:3b:00.0", "0", std::to_string(kept));
  std::vector<int> other_device, own, started;
  std::thread([&] {
    keep_near("0000:5e:00.0", sys.root());
    other_device = affinity();
    keep_near("0000:3b:00.0", sys.root());
    own = affinity();
    std::thread([&] { started = affinity(); }).join();
  }).join();
  EXPECT_EQ(other_device, before);
  EXPECT_THAT(own, ElementsAre(kept));
  EXPECT_THAT(started, ElementsAre(kept));
}

}  // namespace
}  // namespace resnext::worker
