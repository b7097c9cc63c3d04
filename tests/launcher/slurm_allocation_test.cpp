#include "launcher/slurm_allocation.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"

namespace resnext::launcher {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(NumbersByNode, AreWrittenOutAsSlurmAbbreviatesThem) {
  EXPECT_THAT(numbers_by_node("16(x2),8"), ElementsAre(16, 16, 8));
  EXPECT_THAT(numbers_by_node("4"), ElementsAre(4));
  EXPECT_THAT(numbers_by_node(""), IsEmpty());
  EXPECT_THAT(numbers_by_node("many"), IsEmpty());
}

/// In an environment as Slurm makes it, with a scontrol that knows nodes n1 and n2.
class AJob : public testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path folder = testing::TempDir() + "slurm-" + std::to_string(getpid());
    std::filesystem::create_directories(folder);
    const auto scontrol = folder / "scontrol";
    std::ofstream(scontrol)
        << "#!/bin/sh\n"
           "case $3 in 'n[1-2]') nodes='n1 n2';; n1) nodes=n1;; *) exit 1;; esac\n"
           "for node in $nodes; do\n"
           "  case $1-$2 in\n"
           "    show-hostnames) echo $node;;\n"
           "    show-nodes) eval threads=\\$THREADS_OF_$node\n"
           "      [ -z \"$threads\" ] && exit 1\n"
           "      echo \"NodeName=$node Arch=x86_64 CoresPerSocket=4 \"\n"
           "      echo \"   State=MIXED ThreadsPerCore=$threads TmpDisk=0\";;\n"
           "    *) exit 1;;\n"
           "  esac\n"
           "done\n";
    std::filesystem::permissions(scontrol, std::filesystem::perms::owner_all);
    set("PATH", folder.string() + ":" + std::getenv("PATH"));
    for (const char* name :
         {"SLURM_JOB_ID", "SLURM_JOB_NODELIST", "SLURM_JOB_CPUS_PER_NODE", "SLURM_TASKS_PER_NODE",
          "SLURMD_NODENAME", "THREADS_OF_n1", "THREADS_OF_n2"}) {
      set(name, "");
    }
  }

  void TearDown() override {
    for (const auto& [name, value] : before_) {
      value.empty() ? unsetenv(name.c_str()) : setenv(name.c_str(), value.c_str(), 1);
    }
  }

  void set(const char* name, const std::string& value) {
    const char* const old = std::getenv(name);
    before_.emplace(name, old == nullptr ? "" : old);
    setenv(name, value.c_str(), 1);
  }

  void be_in_job(const std::string& nodes, const std::string& cpus, const std::string& tasks) {
    set("SLURM_JOB_ID", "7");
    set("SLURM_JOB_NODELIST", nodes);
    set("SLURM_JOB_CPUS_PER_NODE", cpus);
    set("SLURM_TASKS_PER_NODE", tasks);
    set("SLURMD_NODENAME", "n1");
  }

 private:
  std::map<std::string, std::string> before_;
};

TEST_F(AJob, IsNotEverywhere) {
  EXPECT_FALSE(slurm_allocation({8, true}));
}

TEST_F(AJob, OfOneNodeHasThisMachine) {
  be_in_job("n1", "4", "1");
  const auto slurm = slurm_allocation({8, true});
  ASSERT_TRUE(slurm);
  EXPECT_EQ(slurm->job, "7");
  EXPECT_THAT(slurm->hosts, ElementsAre(Host{"", 4}));
  EXPECT_EQ(slurm->tasks, 1);
}

TEST_F(AJob, HasNoMoreCoresThanTheMachine) {
  be_in_job("n1", "16", "8");
  EXPECT_THAT(slurm_allocation({8, true})->hosts, ElementsAre(Host{"", 8}));
  EXPECT_EQ(slurm_allocation({8, true})->tasks, 8);
}

TEST_F(AJob, OfManyNodesHasThemAll) {
  be_in_job("n[1-2]", "8,4", "1(x2)");
  EXPECT_THAT(slurm_allocation({8, true})->hosts, ElementsAre(Host{"n1", 8}, Host{"n2", 4}));
}

TEST_F(AJob, MayCountHardwareThreadsOnSomeNodes) {
  be_in_job("n[1-2]", "16,8", "1(x2)");
  set("THREADS_OF_n1", "2");
  set("THREADS_OF_n2", "1");
  EXPECT_THAT(slurm_allocation({8, true})->hosts, ElementsAre(Host{"n1", 8}, Host{"n2", 8}));
}

TEST_F(AJob, OfOneNodeMayCountHardwareThreads) {
  be_in_job("n1", "6", "1");
  set("THREADS_OF_n1", "2");
  EXPECT_THAT(slurm_allocation({8, true})->hosts, ElementsAre(Host{"", 3}));
}

TEST_F(AJob, HasACoreAtLeast) {
  be_in_job("n1", "1", "1");
  set("THREADS_OF_n1", "2");
  EXPECT_THAT(slurm_allocation({8, true})->hosts, ElementsAre(Host{"", 1}));
}

TEST_F(AJob, SeenFromTheLoginNodeIsElsewhere) {
  be_in_job("n1", "16", "1");
  set("SLURMD_NODENAME", "");
  EXPECT_THAT(slurm_allocation({4, true})->hosts, ElementsAre(Host{"n1", 16}));
  set("THREADS_OF_n1", "2");
  EXPECT_THAT(slurm_allocation({4, true})->hosts, ElementsAre(Host{"n1", 8}));
}

TEST_F(AJob, WhoseNodesHaveNoNamesIsRefused) {
  be_in_job("n[1-3]", "8(x3)", "1(x3)");
  EXPECT_THROW(slurm_allocation({8, true}), cli::UsageError);
}

}  // namespace
}  // namespace resnext::launcher
