// Time measured beforehand, with a program that only notes how it was called.

#include "ablations/cost.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/ablations/small_plan.h"

namespace resnext::ablations {
namespace {

class MeasuredRate : public testing::Test {
 protected:
  MeasuredRate() { plan_.runs.front().complexity.multiply_adds = 500'000'000; }

  /// The command line that a rate is measured with; the program then fails.
  std::string line(bool on_gpus) {
    const PlannedRun& run = plan_.runs.front();
    rate_ = measure_rate(plan_, run, Slot{}, {program_}, on_gpus);
    std::ifstream file(folder_.path("line"));
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  ScratchFolder folder_;
  Plan plan_ = small_plan(folder_);
  std::string program_ =
      folder_.write_program("launch", "echo \"$@ \" > " + folder_.path("line") +
                                          "; echo 'error: no power' >&2; exit 1\n");
  Rate rate_;
};

TEST_F(MeasuredRate, CpusGetAsManyImagesAsTakeSeconds) {
  EXPECT_NE(line(false).find(" --batch-per-replica 4 "), std::string::npos) << line(false);
}

// A few images would measure how fast kernels are launched.
TEST_F(MeasuredRate, GpusGetWholeBatches) {
  EXPECT_NE(line(true).find(" --batch-per-replica 32 "), std::string::npos) << line(true);
}

TEST_F(MeasuredRate, SaysWhyThereIsNone) {
  line(true);
  EXPECT_NE(rate_.problem.find("no power"), std::string::npos) << rate_.problem;
}

}  // namespace
}  // namespace resnext::ablations
