#include "worker/device/plugin_loader.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/revision.h"
#include "tests/worker/small_training.h"

namespace resnext::worker {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

/// Of the plugins that the build makes beside this test.
std::string fake(const std::string& kind) {
  return std::string(RESNEXT_BINARY_DIR) + "/tests/worker/device/" + kind;
}

PluginSearch load(const std::vector<std::string>& folders) {
  return load_cuda_plugin(folders, cli::build());
}

TEST(PluginLoader, OpensOneOfItsOwnBuild) {
  setenv("RESNEXT_FAKE_GPUS", "NVIDIA H100,90,0000:3b:00.0;Tesla V100,70,0000:5e:00.0", 1);
  const PluginSearch found = load({fake("good")});
  ASSERT_NE(found.plugin, nullptr) << found.why_none;
  EXPECT_EQ(found.why_none, "");
  EXPECT_EQ(found.plugin->build(), cli::build());
  const net::GpuProbe probe = found.plugin->probe();
  ASSERT_EQ(probe.gpus.size(), 2U);
  EXPECT_EQ(probe.gpus[1].name, "Tesla V100");
}

TEST(PluginLoader, TakesTheFirstFolderThatHasOne) {
  const TemporaryFolder empty;
  EXPECT_NE(load({empty.path(), "/nowhere", fake("good"), fake("other_build")}).plugin, nullptr);
  // One that cannot be used is not passed over: it would be a surprise which is taken.
  EXPECT_EQ(load({fake("other_build"), fake("good")}).plugin, nullptr);
}

TEST(PluginLoader, SaysThatThereIsNone) {
  const TemporaryFolder empty;
  const PluginSearch found = load({empty.path()});
  EXPECT_EQ(found.plugin, nullptr);
  EXPECT_FALSE(found.found_file);
  EXPECT_EQ(found.why_none, "libresnext_cuda.so was not found (this build has no CUDA engine?)");
}

TEST(PluginLoader, SaysWhatALibraryLacks) {
  const PluginSearch found = load({fake("no_dependency")});
  EXPECT_EQ(found.plugin, nullptr);
  EXPECT_TRUE(found.found_file);
  EXPECT_THAT(found.why_none, AllOf(HasSubstr("libresnext_cuda.so: libresnext_fake_dependency.so"),
                                    HasSubstr("cannot open shared object file")));
}

TEST(PluginLoader, RefusesAnotherBuildAndNamesBoth) {
  const PluginSearch found = load({fake("other_build")});
  EXPECT_EQ(found.plugin, nullptr);
  EXPECT_TRUE(found.found_file);
  EXPECT_THAT(found.why_none,
              AllOf(HasSubstr("libresnext_cuda.so was built from 0.0.1 (0123456789ab)"),
                    HasSubstr("this program from " + cli::build())));
}

TEST(PluginLoader, RefusesALibraryOfAnotherKind) {
  EXPECT_THAT(load({fake("no_entry")}).why_none,
              EndsWith("libresnext_cuda.so is no CUDA plugin of this project"));
}

TEST(PluginLoader, RefusesWhatIsNoLibrary) {
  const TemporaryFolder folder;
  std::ofstream(folder / net::kCudaPluginFile) << "not a library, though long enough for a header "
                                                  "of one: sixty-four bytes and more";
  const PluginSearch found = load({folder.path()});
  EXPECT_TRUE(found.found_file);
  EXPECT_THAT(found.why_none, AllOf(HasSubstr(folder / net::kCudaPluginFile), HasSubstr("header")));
}

}  // namespace
}  // namespace resnext::worker
