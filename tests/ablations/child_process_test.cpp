#include "ablations/child_process.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include "ablations/log_file.h"
#include "tests/ablations/scratch_folder.h"

namespace resnext::ablations {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> shell(const std::string& script) {
  return {"/bin/sh", "-c", script};
}

int code_at_its_end(ChildProcess& child) {
  for (int i = 0; i < 2000; ++i) {
    if (const auto code = child.exit_code()) return *code;
    std::this_thread::sleep_for(10ms);
  }
  throw std::runtime_error("still runs after 20 s");
}

/// The message that it throws with.
std::string failure_of(const std::vector<std::string>& line) {
  try {
    return "no failure, but: " + capture(line);
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
}

/// Waits for what a child writes.
bool comes_to_say(const std::string& log, const std::string& text) {
  for (int i = 0; i < 2000; ++i) {
    if (tail_of(log).find(text) != std::string::npos) return true;
    std::this_thread::sleep_for(10ms);
  }
  return false;
}

TEST(Capture, ReturnsStandardOutputAlone) {
  EXPECT_EQ(capture(shell("echo one; echo noise >&2; printf two")), "one\ntwo");
}

TEST(Capture, MoreThanAPipeHolds) {
  EXPECT_EQ(capture(shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2")).size(),
            300000u);
}

TEST(Capture, FailureSaysWhatTheProgramSaid) {
  EXPECT_EQ(failure_of(shell("echo result; echo 'tool: error: no such set' >&2; exit 1")),
            "no such set");
}

TEST(Capture, FailureInSilenceNamesProgramAndCode) {
  EXPECT_EQ(failure_of(shell("exit 3")), "/bin/sh ended with code 3");
  EXPECT_EQ(failure_of(shell("kill -9 $$")), "/bin/sh ended with code 137");
}

TEST(Capture, MissingProgramIsNamed) {
  EXPECT_EQ(failure_of({"/nowhere/at-all"}),
            "/nowhere/at-all cannot be started: No such file or directory");
}

TEST(ChildProcess, EndsWithAShellsCode) {
  const ScratchFolder folder;
  ChildProcess fails(shell("exit 7"), {.log = folder.path("log")});
  EXPECT_EQ(code_at_its_end(fails), 7);
  ChildProcess dies(shell("kill -9 $$"), {.log = folder.path("log")});
  EXPECT_EQ(code_at_its_end(dies), 128 + SIGKILL);
  ChildProcess missing({"/nowhere/at-all"}, {.log = folder.path("log")});
  EXPECT_EQ(code_at_its_end(missing), 127);
}

TEST(ChildProcess, AppendsBothOutputsToTheLog) {
  const ScratchFolder folder;
  const std::string log = folder.write("log", "before\n");
  ChildProcess child(shell("echo out; echo err >&2"), {.log = log});
  code_at_its_end(child);
  EXPECT_EQ(tail_of(log), "before\nout\nerr\n");
}

TEST(ChildProcess, HasItsEnvironmentAndCores) {
  const ScratchFolder folder;
  cpu_set_t usable;
  sched_getaffinity(0, sizeof usable, &usable);
  int last = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<unsigned>(cpu), &usable)) last = cpu;
  }
  setenv("INHERITED", "too", 1);
  ChildProcess child(shell("echo $WHAT $INHERITED; grep Cpus_allowed_list /proc/self/status"),
                     {.log = folder.path("log"), .cpus = {last}, .environment = {{"WHAT", "x y"}}});
  code_at_its_end(child);
  EXPECT_EQ(tail_of(folder.path("log")),
            "x y too\nCpus_allowed_list:\t" + std::to_string(last) + "\n");
}

TEST(ChildProcess, IsAskedToStopAndWaitedForByItsOwnersEnd) {
  const ScratchFolder folder;
  const std::string log = folder.path("log");
  {
    const ChildProcess child(
        shell("trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.01; done"),
        {.log = log});
    ASSERT_TRUE(comes_to_say(log, "ready"));
  }
  EXPECT_EQ(tail_of(log), "ready\nasked\n");
}

TEST(ChildProcess, GetsSignalsAlsoAfterAMove) {
  const ScratchFolder folder;
  const std::string log = folder.path("log");
  ChildProcess first(shell("trap 'exit 5' INT; echo ready; while :; do sleep 0.01; done"),
                     {.log = log});
  ChildProcess child = std::move(first);
  ASSERT_TRUE(comes_to_say(log, "ready"));
  child.signal(SIGINT);
  EXPECT_EQ(code_at_its_end(child), 5);
}

TEST(ChildProcess, IsInAGroupOfItsOwn) {
  const ScratchFolder folder;
  ChildProcess child(shell("cut -d' ' -f5 /proc/$$/stat; echo $$"), {.log = folder.path("log")});
  code_at_its_end(child);
  const std::string text = tail_of(folder.path("log"));
  const auto middle = text.find('\n');
  EXPECT_EQ(text.substr(0, middle), text.substr(middle + 1, text.size() - middle - 2));
}

TEST(ChildProcess, ALogThatCannotBeWrittenIsNamed) {
  EXPECT_THAT([] { ChildProcess(shell("exit 0"), {.log = "/nowhere/at/all"}); },
              testing::ThrowsMessage<std::system_error>(testing::HasSubstr("/nowhere/at/all")));
}

}  // namespace
}  // namespace resnext::ablations
