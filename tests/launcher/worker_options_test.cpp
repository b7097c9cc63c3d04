#include "launcher/worker_options.h"

#include <fstream>

#include <gtest/gtest.h>

namespace resnext::launcher {
namespace {

TEST(WorkerOption, BothForms) {
  EXPECT_EQ(worker_option({"--replicas", "4"}, "replicas"), "4");
  EXPECT_EQ(worker_option({"--model", "m", "--replicas=4"}, "replicas"), "4");
  EXPECT_EQ(worker_option({"--replicas-of-x", "4"}, "replicas"), std::nullopt);
  EXPECT_EQ(worker_option({"--replicas"}, "replicas"), std::nullopt);
}

TEST(WorkerOption, ConfigFileUnderTheCommandLine) {
  const std::string path = ::testing::TempDir() + "train.ini";
  std::ofstream(path) << "# replicas = 2\n replicas = 16 # sixteen\nthreads=3\n";
  EXPECT_EQ(worker_option({"--config", path}, "replicas"), "16");
  EXPECT_EQ(worker_option({"--config", path, "--replicas", "4"}, "replicas"), "4");
  EXPECT_EQ(worker_count({"--config=" + path}, "threads"), 3);
}

TEST(WorkerCount, OnlyPositiveIntegers) {
  EXPECT_EQ(worker_count({"--replicas", "8"}, "replicas"), 8);
  EXPECT_EQ(worker_count({"--replicas", "8x"}, "replicas"), std::nullopt);
  EXPECT_EQ(worker_count({"--replicas", "0"}, "replicas"), std::nullopt);
}

}  // namespace
}  // namespace resnext::launcher
