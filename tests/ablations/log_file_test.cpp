#include "ablations/log_file.h"

#include <gtest/gtest.h>

#include "tests/ablations/scratch_folder.h"

namespace resnext::ablations {
namespace {

constexpr const char* kLog =
    "resnext-launch: 2 ranks x 1 thread on 2 cores\n"
    "epoch   0.35/7  step    165/3283  loss  1.4260  error  49.60%  lr 0.04009   2102.6 img/s  "
    "data   0%  left 3:10\n"
    "epoch   0.70/7  step    330/3283  loss  0.9250  error  30.00%  lr 0.05      2102.6 img/s  "
    "data   0%  left 2:59\n"
    "epoch   0.70  validation: loss 0.2400, top-1 error 8.31%, top-5 error 0.14%\n";

TEST(LogFile, LastProgress) {
  const auto progress = last_progress(kLog);
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->step, 330u);
  EXPECT_EQ(progress->steps, 3283u);
  EXPECT_EQ(progress->loss, 0.925);
  EXPECT_EQ(progress->left, "2:59");
}

TEST(LogFile, LinesThatAreNoProgress) {
  EXPECT_FALSE(last_progress(""));
  EXPECT_FALSE(last_progress("done: 24 steps, validation top-1 error 8.31% on 10000 images\n"));
  EXPECT_FALSE(last_progress("x  step  y/z  left 1\n"));
  EXPECT_FALSE(last_progress("x  step  3/0  loss 1  left 1\n"));
}

TEST(LogFile, LastErrorIsFoundBeforeOtherLines) {
  EXPECT_EQ(last_error_line("resnext-worker: error: --model: unknown\nmpirun says more\n"),
            "--model: unknown");
  EXPECT_EQ(last_error_line("one error: a\ntwo error: b\n"), "b");
  EXPECT_EQ(last_error_line("no such word\nlast\n\n"), "last");
  EXPECT_EQ(last_error_line(""), "");
}

TEST(LogFile, TailIsTheEnd) {
  const ScratchFolder folder;
  const std::string file = folder.write("log", "0123456789");
  EXPECT_EQ(tail_of(file, 4), "6789");
  EXPECT_EQ(tail_of(file, 100), "0123456789");
  EXPECT_EQ(tail_of(folder.path("none")), "");
}

}  // namespace
}  // namespace resnext::ablations
