// Runs resnext-launch with the machine's own mpirun and a fake worker.

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Clock = std::chrono::steady_clock;

struct Finished {
  int exit_code = -1;
  std::string out;
  std::string err;
  double seconds = 0;
};

std::string slurp(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// resnext-launch as a child whose output goes to files.
class Launch {
 public:
  explicit Launch(std::vector<std::string> arguments,
                  const std::map<std::string, std::string>& environment = {}) {
    static int count = 0;
    base_ =
        ::testing::TempDir() + "launch-" + std::to_string(getpid()) + "-" + std::to_string(count++);
    arguments.insert(arguments.begin(), RESNEXT_LAUNCH);
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      setenv("CUDA_VISIBLE_DEVICES", "", 1);  // the same on every machine
      for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
      dup2(open((base_ + ".out").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600), STDOUT_FILENO);
      dup2(open((base_ + ".err").c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600), STDERR_FILENO);
      execv(argv[0], argv.data());
      _exit(126);
    }
  }
  ~Launch() {
    unlink((base_ + ".out").c_str());
    unlink((base_ + ".err").c_str());
  }
  Launch(const Launch&) = delete;
  Launch& operator=(const Launch&) = delete;

  void signal(int number) const { kill(pid_, number); }
  std::string out() const { return slurp(base_ + ".out"); }

  /// Waits until the workers have written `text` `times` times.
  bool wait_for(const std::string& text, int times) const {
    for (int tries = 0; tries < 400; ++tries) {
      const std::string now = out();
      int found = 0;
      for (std::size_t at = now.find(text); at != std::string::npos; at = now.find(text, at + 1)) {
        ++found;
      }
      if (found >= times) return true;
      usleep(25'000);
    }
    return false;
  }

  Finished finish() const {
    int status = 0;
    waitpid(pid_, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), out(),
            slurp(base_ + ".err"), std::chrono::duration<double>(Clock::now() - start_).count()};
  }

 private:
  std::string base_;
  pid_t pid_ = -1;
  Clock::time_point start_ = Clock::now();
};

Finished launch(const std::vector<std::string>& arguments) {
  return Launch(arguments).finish();
}

std::vector<std::string> sorted_lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

/// The last line of what resnext-launch itself had to say.
std::string last_line(const std::string& text) {
  const std::size_t end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "";
  const std::size_t start = text.rfind('\n', end);
  return text.substr(start == std::string::npos ? 0 : start + 1, end - (start + 1) + 1);
}

TEST(Launch, EightRanksHoweverFewTheCores) {
  const Finished done =
      launch({"-n", "8", "--worker", FAKE_WORKER, "--", "hello", "--replicas", "8"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  const std::vector<std::string> lines = sorted_lines(done.out);
  ASSERT_EQ(lines.size(), 8u) << done.out;
  for (int rank = 0; rank < 8; ++rank) {
    EXPECT_THAT(lines[rank],
                HasSubstr("rank " + std::to_string(rank) + " of 8: hello --replicas 8"));
  }
}

TEST(Launch, DefaultFillsTheCores) {
  const Finished done = launch({"--worker", FAKE_WORKER, "--", "hello", "--replicas=1"});
  EXPECT_EQ(done.exit_code, 0) << done.err;
  cpu_set_t cpus;
  ASSERT_EQ(sched_getaffinity(0, sizeof cpus, &cpus), 0);
  EXPECT_THAT(done.out, HasSubstr("rank 0 of 1: hello --replicas=1 --threads "));
  EXPECT_THAT(done.err, HasSubstr("resnext-launch: 1 rank x "));
}

/// What a batch script sees of a job that has all of this machine for so many tasks.
std::map<std::string, std::string> slurm_job(const std::string& tasks, const std::string& cpus) {
  const std::string folder = ::testing::TempDir() + "slurm-" + std::to_string(getpid());
  mkdir(folder.c_str(), 0700);
  std::ofstream(folder + "/scontrol") << "#!/bin/sh\necho \"$3\"\n";
  chmod((folder + "/scontrol").c_str(), 0700);
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return {{"PATH", folder + ":" + std::getenv("PATH")},
          {"SLURM_JOB_ID", "7"},
          {"SLURM_JOBID", "7"},
          {"SLURM_NNODES", "1"},
          {"SLURM_JOB_NODELIST", host.data()},
          {"SLURM_NODELIST", host.data()},
          {"SLURMD_NODENAME", host.data()},
          {"SLURM_TASKS_PER_NODE", tasks},
          {"SLURM_JOB_CPUS_PER_NODE", cpus}};
}

TEST(Launch, InASlurmJobOfOneTaskItFillsTheCores) {
  const Finished done =
      Launch({"--worker", FAKE_WORKER, "--", "hello"}, slurm_job("1", "4096")).finish();
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr(" of Slurm job 7\n"));
  const auto ranks = std::to_string(sorted_lines(done.out).size());
  EXPECT_THAT(done.out, HasSubstr("rank 0 of " + ranks + ": hello --threads "));
}

TEST(Launch, InASlurmJobOfOneCpuItHasOneRank) {
  const Finished done =
      Launch({"--worker", FAKE_WORKER, "--", "hello"}, slurm_job("1", "1")).finish();
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("1 rank x 1 thread on 1 core of Slurm job 7\n"));
  EXPECT_EQ(done.out, "rank 0 of 1: hello --threads 1\n");
}

TEST(Launch, TheWorkersOwnThreadsAreKept) {
  const Finished done =
      launch({"-n", "1", "--worker", FAKE_WORKER, "--", "hello", "--threads", "5", "--", "x y"});
  EXPECT_EQ(done.out, "rank 0 of 1: hello --threads 5 -- x y\n") << done.err;
}

TEST(Launch, PassesOnTheExitCodeAndOnlyTheWorkersLine) {
  const Finished done = launch({"-n", "4", "--worker", FAKE_WORKER, "--", "fail-on-1"});
  EXPECT_EQ(done.exit_code, 3);
  EXPECT_THAT(done.err, HasSubstr("worker: error: shard 3 is torn\n"));
  EXPECT_THAT(done.err, Not(HasSubstr("-----")));
  EXPECT_THAT(done.err, Not(HasSubstr("Primary job")));
  EXPECT_LT(done.seconds, 15) << "the other ranks were left running";
}

TEST(Launch, NamesTheSignalThatKilledAWorker) {
  const Finished done = launch({"-n", "2", "--worker", FAKE_WORKER, "--", "die-on-1"});
  EXPECT_EQ(done.exit_code, 128 + SIGKILL);
  EXPECT_THAT(last_line(done.err), HasSubstr("resnext-launch: error: "));
  EXPECT_THAT(last_line(done.err), HasSubstr("signal 9"));
}

TEST(Launch, TheLineShownIsTheLineThatRuns) {
  const Finished dry =
      launch({"--dry-run", "-n", "2", "--worker", FAKE_WORKER, "--", "hello", "it's", "a b"});
  EXPECT_EQ(dry.exit_code, 0);
  EXPECT_EQ(std::count(dry.out.begin(), dry.out.end(), '\n'), 1);
  const std::string copy = ::testing::TempDir() + "copied-" + std::to_string(getpid());
  ASSERT_EQ(std::system(("(" + dry.out + ") > " + copy + " 2>&1 < /dev/null").c_str()), 0);
  const std::vector<std::string> lines = sorted_lines(slurp(copy));
  ASSERT_EQ(lines.size(), 2u) << slurp(copy);
  EXPECT_THAT(lines[1], HasSubstr("rank 1 of 2: hello it's a b --threads "));
  unlink(copy.c_str());
}

class LaunchStops : public ::testing::TestWithParam<int> {};

TEST_P(LaunchStops, AndTheWorkersHaveTimeForACheckpoint) {
  const Launch launch({"-n", "2", "--worker", FAKE_WORKER, "--", "checkpoint"});
  ASSERT_TRUE(launch.wait_for("runs", 2)) << launch.out();
  launch.signal(GetParam());
  const Finished done = launch.finish();
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("rank 0 wrote its checkpoint"));
  EXPECT_THAT(done.out, HasSubstr("rank 1 wrote its checkpoint"));
}

INSTANTIATE_TEST_SUITE_P(Signals, LaunchStops, ::testing::Values(SIGTERM, SIGINT, SIGHUP));

TEST(Launch, ASecondSignalKills) {
  const Launch launch({"-n", "2", "--worker", FAKE_WORKER, "--", "stubborn"});
  ASSERT_TRUE(launch.wait_for("runs", 2));
  launch.signal(SIGINT);
  usleep(300'000);
  launch.signal(SIGINT);
  const Finished done = launch.finish();
  EXPECT_EQ(done.exit_code, 128 + SIGINT) << done.err;
  EXPECT_LT(done.seconds, 15);
}

TEST(Launch, PatienceEnds) {
  const Launch launch({"-n", "2", "--patience", "1", "--worker", FAKE_WORKER, "--", "stubborn"});
  ASSERT_TRUE(launch.wait_for("runs", 2));
  launch.signal(SIGTERM);
  const Finished done = launch.finish();
  EXPECT_EQ(done.exit_code, 128 + SIGTERM) << done.err;
  EXPECT_LT(done.seconds, 15);
}

TEST(Launch, NoMpirun) {
  // The system refuses to look into the second, as it does into a folder of another user's.
  for (const std::string& path : {std::string("/nonexistent"), "/" + std::string(300, 'x')}) {
    const Finished done =
        Launch({"--worker", FAKE_WORKER, "--", "hello"}, {{"PATH", path}}).finish();
    EXPECT_EQ(done.exit_code, 1);
    EXPECT_THAT(done.err, HasSubstr("resnext-launch: error: mpirun is not in PATH; install"));
    EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
  }
}

TEST(Launch, UnreachableHost) {
  const Finished done =
      launch({"--hosts", "no-such-host.invalid:2", "--worker", FAKE_WORKER, "--", "hello"});
  EXPECT_NE(done.exit_code, 0);
  EXPECT_THAT(last_line(done.err), HasSubstr("resnext-launch: error: "));
  EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 3) << done.err;
}

struct Mistake {
  std::vector<std::string> arguments;
  std::string message;
};

TEST(Launch, UsageErrorsAreOneLine) {
  const std::vector<Mistake> mistakes{
      {{"--thread", "2"}, "unknown option '--thread'; did you mean '--threads'?"},
      {{"-n", "0"}, "--ranks: must be at least 1, not 0"},
      {{"--worker", "/nonexistent/worker"}, "--worker: '/nonexistent/worker' is not"},
      {{"--hosts", "a:b"}, "--hosts: a: 'b'"},
      {{"--hosts", "a", "--hostfile", "f"}, "--hosts and --hostfile: give one"},
      {{"--hostfile", "/nonexistent"}, "--hostfile: cannot read '/nonexistent'"},
      {{"--threads", "2", "--", "--threads", "3"}, "--threads: 2 for the launcher but 3"},
  };
  for (const Mistake& mistake : mistakes) {
    const Finished done = launch(mistake.arguments);
    EXPECT_EQ(done.exit_code, 2) << done.err;
    EXPECT_THAT(done.err, HasSubstr("resnext-launch: error: " + mistake.message));
    EXPECT_EQ(std::count(done.err.begin(), done.err.end(), '\n'), 1) << done.err;
  }
}

}  // namespace
