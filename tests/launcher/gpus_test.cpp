#include "launcher/gpus.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

namespace resnext::launcher {
namespace {

namespace fs = std::filesystem;

class Gpus : public ::testing::Test {
 protected:
  Gpus() : root_(::testing::TempDir() + "gpus-" + std::to_string(getpid())) {
    fs::create_directories(root_ / "dev");
    unsetenv("CUDA_VISIBLE_DEVICES");
  }
  ~Gpus() override { fs::remove_all(root_); }

  void add_device(const std::string& name) const { std::ofstream(root_ / "dev" / name) << ""; }
  int count() const { return count_gpus(root_.string()); }

  fs::path root_;
};

TEST_F(Gpus, AreDeviceFilesWithANumber) {
  EXPECT_EQ(count(), 0);
  for (const char* name : {"nvidiactl", "nvidia-uvm", "nvidia-modeset", "null"}) add_device(name);
  EXPECT_EQ(count(), 0);
  for (const char* name : {"nvidia0", "nvidia3", "nvidia12"}) add_device(name);
  EXPECT_EQ(count(), 3);
}

TEST_F(Gpus, OrWhatTheDriverLists) {
  for (const char* name : {"0000:3b:00.0", "0000:5e:00.0"}) {
    fs::create_directories(root_ / "proc/driver/nvidia/gpus" / name);
  }
  EXPECT_EQ(count(), 2);
  add_device("nvidia1");  // a container has one of the host's
  EXPECT_EQ(count(), 1);
}

TEST_F(Gpus, MayBeHidden) {
  for (const char* name : {"nvidia0", "nvidia1", "nvidia2"}) add_device(name);
  setenv("CUDA_VISIBLE_DEVICES", "2,0", 1);
  EXPECT_EQ(count(), 2);
  setenv("CUDA_VISIBLE_DEVICES", "", 1);
  EXPECT_EQ(count(), 0);
  setenv("CUDA_VISIBLE_DEVICES", "1,-1,0", 1);
  EXPECT_EQ(count(), 1);
  setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3", 1);
  EXPECT_EQ(count(), 3);
}

}  // namespace
}  // namespace resnext::launcher
