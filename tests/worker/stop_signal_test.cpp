#include "worker/stop_signal.h"

#include <csignal>

#include <gtest/gtest.h>
#include <unistd.h>

namespace resnext::worker {
namespace {

TEST(StopSignal, EachOfTheThreeIsNoted) {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    const StopSignal stop;
    EXPECT_EQ(stop.received(), 0);
    raise(signal);
    EXPECT_EQ(stop.received(), signal);
  }
}

TEST(StopSignal, ASecondOneAtOnceDoesNotKill) {
  const StopSignal stop;
  raise(SIGINT);
  raise(SIGTERM);  // mpirun passes on its own
  EXPECT_EQ(stop.received(), SIGINT);
}

TEST(StopSignalDeathTest, ASecondOneSecondsLaterKills) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        const StopSignal stop;
        raise(SIGINT);
        sleep(4);
        raise(SIGINT);
        _exit(0);
      },
      ::testing::KilledBySignal(SIGINT), "");
}

TEST(StopSignalDeathTest, OnlyForItsLifetime) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        { const StopSignal stop; }
        raise(SIGTERM);
        _exit(0);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace resnext::worker
