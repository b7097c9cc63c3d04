#include "ablations/run_outcome.h"

#include <cmath>
#include <filesystem>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/hdf5.h"
#include "tests/ablations/small_plan.h"

namespace resnext::ablations {
namespace {

using data::hdf5::File;
using testing::HasSubstr;

class Outcome : public testing::Test {
 protected:
  Outcome() { open_run_folder(run()); }

  const PlannedRun& run() const { return plan_.runs[0]; }
  RunOutcome read() const { return read_outcome(run(), plan_); }

  /// A result as the worker writes it, as far as it is read.
  void write_result(
      bool finished, double error, const std::function<void(File&)>& change = [](File&) {}) const {
    File file = File::create(result_path(run()));
    for (const auto& [name, value] :
         std::map<std::string, data::hdf5::Attribute>{{"model", run().model},
                                                      {"scale", std::string("proxy")},
                                                      {"data", std::string("aa")},
                                                      {"seed", std::int64_t(1)},
                                                      {"parameters", std::int64_t(100)},
                                                      {"ranks", std::int64_t(2)}}) {
      file.set_attribute("/", name, value);
    }
    write_summary(file, finished, error);
    change(file);
  }

  void write_evaluation(double error) const {
    File file = File::create(evaluation_path(run(), "large"));
    write_summary(file, true, error);
  }

  static void write_summary(File& file, bool finished, double error) {
    file.create_group("/summary");
    file.set_attribute("/summary", "finished", finished);
    file.set_attribute("/summary", "seconds", 10.0);
    file.set_attribute("/summary", "validation_top1_error", error);
  }

  ScratchFolder folder_;
  Plan plan_ = small_plan(folder_);
};

TEST_F(Outcome, GoesFromWaitingOverBegunToFinished) {
  EXPECT_EQ(read().state, RunState::kWaiting);
  std::filesystem::create_directories(checkpoint_folder(run()));
  folder_.write(std::filesystem::relative(checkpoint_folder(run()) + "/c.h5", folder_.path("")),
                "");
  EXPECT_EQ(read().state, RunState::kPartial);
  write_result(false, 50);
  EXPECT_EQ(read().state, RunState::kPartial);
  write_result(true, 12.5);
  EXPECT_EQ(read().state, RunState::kPartial) << "its evaluation is still to come";
  write_evaluation(11.5);
  const RunOutcome outcome = read();
  EXPECT_EQ(outcome.state, RunState::kFinished);
  EXPECT_EQ(outcome.values.at("top1"), 12.5);
  EXPECT_EQ(outcome.values.at("large"), 11.5);
  EXPECT_EQ(outcome.device_seconds, 20);
}

TEST_F(Outcome, NotANumberIsMarked) {
  write_result(true, std::nan(""));
  write_evaluation(11.5);
  EXPECT_EQ(read().state, RunState::kDiverged);
  EXPECT_EQ(read().error, "top1 is no number");
}

TEST_F(Outcome, FailuresKeepTheirLastErrorLine) {
  note_failure(run(), "resnext-worker: error: disk full\nmpirun: bye\n", 1);
  EXPECT_EQ(read().state, RunState::kFailed);
  EXPECT_EQ(read().error, "disk full");
  note_failure(run(),
               "resnext-worker: error: rank 0: the loss is not finite at step 3 (learning "
               "rate 9): the run has diverged; try a lower one\n",
               1);
  EXPECT_EQ(read().state, RunState::kDiverged);
  forget_failure(run());
  EXPECT_EQ(read().state, RunState::kWaiting);
}

TEST_F(Outcome, ResultOfAnotherRunIsNotTaken) {
  const auto expect_refused = [&](const std::string& name, const data::hdf5::Attribute& value) {
    write_result(true, 12.5, [&](File& file) { file.set_attribute("/", name, value); });
    write_evaluation(11.5);
    EXPECT_EQ(read().state, RunState::kFailed) << name;
    EXPECT_THAT(read().error, HasSubstr(name));
  };
  expect_refused("model", std::string("resnet50"));
  expect_refused("scale", std::string("paper"));
  expect_refused("data", std::string("zz"));
  expect_refused("seed", std::int64_t(7));
  expect_refused("parameters", std::int64_t(7));
}

TEST_F(Outcome, FolderOfAnotherFingerprintIsNotTaken) {
  PlannedRun other = run();
  other.identity["code"] = "worker 2";
  EXPECT_THAT(read_outcome(other, plan_).error, HasSubstr("is of another code"));
  EXPECT_THROW(open_run_folder(other), std::runtime_error);
}

TEST_F(Outcome, ResultThatIsNoHdf5Fails) {
  folder_.write(std::filesystem::relative(result_path(run()), folder_.path("")), "not HDF5");
  EXPECT_EQ(read().state, RunState::kFailed);
}

}  // namespace
}  // namespace resnext::ablations
