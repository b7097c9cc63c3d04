#include "worker/result_file.h"

#include <chrono>
#include <csignal>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/hdf5.h"
#include "tests/worker/run_python.h"
#include "tests/worker/small_training.h"

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

ResultDescription small_description() {
  return {{{"model", "small"}, {"replicas", 8}, {"learning_rate", 0.1}, {"synthetic", true}},
          {{"validation_top1_error", 40.0}, {"finished", false}}};
}

void publish_steps(const std::string& path, std::uint64_t steps) {
  const TrainingState state = small_state(small_graph(), steps);
  publish_result(path, small_description(), state.training, state.validation);
}

template <typename Action>
std::string failure(const Action& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no exception";
}

TEST(ResultFile, H5pyReadsAttributesAndSeries) {
  const TemporaryFolder folder;
  publish_steps(folder / "run.h5", 2);
  const std::string output = run_python(R"(
import sys, h5py
with h5py.File(sys.argv[1], "r") as f:
    for name, value in sorted(f.attrs.items()):
        print(name, value, type(value).__name__.rstrip("_"))  # NumPy 1 says bool_
    for group in ("train", "validation"):
        for name, d in sorted(f[group].items()):
            print(group, name, d.dtype, d.shape, d[-1].round(2), d.attrs["unit"])
    print({name: value.item() for name, value in f["summary"].attrs.items()})
)",
                                        folder / "run.h5");
  EXPECT_EQ(output,
            "format resnext-result str\n"
            "format_version 1 int64\n"
            "learning_rate 0.1 float64\n"
            "model small str\n"
            "replicas 8 int64\n"
            "synthetic True bool\n"
            "train data_wait float64 (2,) 0.02 1\n"
            "train epoch float64 (2,) 0.2 epochs\n"
            "train images_per_second float64 (2,) 102.0 images/s\n"
            "train learning_rate float64 (2,) 0.1 1\n"
            "train loss float64 (2,) 1.15 nats\n"
            "train step uint64 (2,) 2 steps\n"
            "train top1_error float64 (2,) 45.0 percent\n"
            "validation epoch float64 (1,) 0.2 epochs\n"
            "validation loss float64 (1,) 1.5 nats\n"
            "validation step uint64 (1,) 2 steps\n"
            "validation top1_error float64 (1,) 40.0 percent\n"
            "validation top5_error float64 (1,) 5.0 percent\n"
            "{'finished': False, 'validation_top1_error': 40.0}\n");
}

TEST(ResultFile, BeforeTheFirstStepIsAFileToo) {
  const TemporaryFolder folder;
  publish_result(folder / "run.h5", {}, {}, {});
  EXPECT_TRUE(data::hdf5::File::open(folder / "run.h5").read<double>("/train/loss").empty());
}

TEST(ResultFile, IsWholeAfterAKillAtAnyMoment) {
  const TemporaryFolder folder;
  const std::string path = folder / "run.h5";
  publish_steps(path, 1);
  for (int trial = 0; trial < 30; ++trial) {
    const pid_t child = fork();
    if (child == 0) {
      for (std::uint64_t steps = 2;; ++steps) publish_steps(path, steps);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(7 * trial % 40));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    const auto file = data::hdf5::File::open(path);
    ASSERT_EQ(file.read<double>("/train/loss").size(),
              file.read<std::uint64_t>("/train/step").size());
  }
}

TEST(ResultFile, AReaderOfTheOldFileIsNotDisturbed) {
  const TemporaryFolder folder;
  publish_steps(folder / "run.h5", 3);
  const auto open = data::hdf5::File::open(folder / "run.h5");
  publish_steps(folder / "run.h5", 900);
  EXPECT_EQ(open.read<double>("/train/loss").size(), 3u);
}

TEST(ResultFile, NamesWhatIsNotFlat) {
  const TemporaryFolder folder;
  ResultDescription description;
  description.attributes = {{"hosts", {"a", "b"}}};
  EXPECT_THAT(failure([&] { publish_result(folder / "run.h5", description, {}, {}); }),
              HasSubstr("'hosts' is array"));
  EXPECT_FALSE(fs::exists(folder / "run.h5"));
}

TEST(ResultFile, SeriesOfUnequalLengthAreABug) {
  const TemporaryFolder folder;
  TrainingHistory training = small_state(small_graph(), 3).training;
  training.loss.pop_back();
  EXPECT_THAT(failure([&] { publish_result(folder / "run.h5", {}, training, {}); }),
              HasSubstr("/train/loss: 2 values for 3 steps"));
}

TEST(CheckResultPath, AcceptsANewAndAnOldFile) {
  const TemporaryFolder folder;
  check_result_path(folder / "run.h5");
  EXPECT_TRUE(fs::is_empty(folder.path()));  // and leaves no trace
  publish_steps(folder / "run.h5", 1);
  check_result_path(folder / "run.h5");
}

TEST(CheckResultPath, SaysWhyNot) {
  const TemporaryFolder folder;
  EXPECT_THAT(
      failure([&] { check_result_path(folder / "missing/run.h5"); }),
      HasSubstr("missing/run.h5': '" + (folder / "missing") + "' is not an existing folder"));
  EXPECT_THAT(failure([&] { check_result_path(folder.path()); }), HasSubstr("it is a folder"));
  // Where no one may make files, root included.
  EXPECT_THAT(failure([] { check_result_path("/proc/run.h5"); }), HasSubstr("'/proc/run.h5'"));
}

}  // namespace
}  // namespace resnext::worker
