#include <algorithm>
#include <array>
#include <csignal>
#include <functional>
#include <thread>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/worker/small_training.h"
#include "worker/checkpoint.h"

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

void write_step(CheckpointWriter& writer, std::uint64_t step) {
  const net::Graph graph = small_graph();
  writer.write(graph, small_state(graph, step), small_header());
}

TEST(CheckpointWriter, KeepsTheNewest) {
  const TemporaryFolder folder;
  CheckpointWriter writer(folder / "a/b", 2);  // makes the folders
  for (const std::uint64_t step : {5, 10, 15, 20}) write_step(writer, step);
  writer.wait();
  EXPECT_THAT(names_in(folder / "a/b"),
              ElementsAre("checkpoint-00000015.h5", "checkpoint-00000020.h5"));
  EXPECT_EQ(read_checkpoint(folder / "a/b/checkpoint-00000020.h5", small_graph()).state.step, 20u);
}

TEST(CheckpointWriter, GivesTheMemoryBackWithWhatItWrote) {
  const TemporaryFolder folder;
  CheckpointWriter writer(folder.path(), 2);
  EXPECT_TRUE(writer.take_spare().parameters.empty());
  const net::Graph graph = small_graph();
  TrainingState state = small_state(graph, 5);
  const float* const memory = state.parameters.data();
  writer.write(graph, std::move(state), small_header());
  const TrainingState spare = writer.take_spare();
  EXPECT_EQ(spare.parameters.data(), memory);
  EXPECT_EQ(spare.step, 5u);
  EXPECT_TRUE(writer.take_spare().parameters.empty());
}

TEST(CheckpointWriter, CallsBackOnceItIsOnDisk) {
  const TemporaryFolder folder;
  CheckpointWriter writer(folder.path(), 2);
  const net::Graph graph = small_graph();
  std::vector<std::string> then;
  writer.write(graph, small_state(graph, 5), small_header(), [&](const TrainingState& written) {
    EXPECT_EQ(written.step, 5u);
    then = names_in(folder.path());
    throw std::runtime_error("what failed afterwards");
  });
  EXPECT_THROW(writer.wait(), std::runtime_error);
  EXPECT_THAT(then, ElementsAre("checkpoint-00000005.h5"));
}

TEST(CheckpointWriter, TheOneJustWrittenStaysBesideALaterDamagedOne) {
  const TemporaryFolder folder;
  put_bytes(folder / "checkpoint-00000100.h5", {std::byte(1)});
  CheckpointWriter writer(folder.path(), 1);
  write_step(writer, 50);
  writer.wait();
  std::vector<std::string> damaged;
  EXPECT_EQ(find_newest_checkpoint(folder.path(), damaged), folder / "checkpoint-00000050.h5");
}

TEST(CheckpointWriter, RemovesWhatAKilledWriteLeft) {
  const TemporaryFolder folder;
  put_bytes(folder / "checkpoint-00000003.h5.partial", {std::byte(1)});
  put_bytes(folder / "notes.txt", {});
  const CheckpointWriter writer(folder.path(), 1);
  EXPECT_THAT(names_in(folder.path()), ElementsAre("notes.txt"));
}

TEST(CheckpointWriter, AFolderThatCannotBeMadeIsNamed) {
  const TemporaryFolder folder;
  put_bytes(folder / "file", {});
  try {
    const CheckpointWriter writer(folder / "file/checkpoints", 1);
    FAIL() << "no exception";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("file/checkpoints'"));
    EXPECT_THAT(error.what(), HasSubstr("Not a directory"));
  }
}

/// Runs `body` in a child process, for it changes limits; returns what it returned.
std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = body();
    const ssize_t written = write(ends[1], text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}

/// Writes step 1 with room, step 2 without: how that failed, and what is then in the folder.
std::string run_out_of_space(const std::string& folder, const std::function<void()>& take_space) {
  CheckpointWriter writer(folder, 1);
  write_step(writer, 1);
  writer.wait();
  take_space();
  std::string outcome;
  try {
    write_step(writer, 2);
    writer.wait();
  } catch (const std::exception& error) {
    outcome = error.what();
  }
  std::vector<std::string> damaged;
  return fmt::format("{}\nnewest: {}, damaged: {}, files: {}", outcome,
                     find_newest_checkpoint(folder, damaged).value_or("none"), damaged.size(),
                     names_in(folder).size());
}

TEST(CheckpointWriter, AFileTooLargeLeavesTheOldOne) {
  const TemporaryFolder folder;
  const std::string outcome = in_child([&] {
    return run_out_of_space(folder.path(), [] {
      std::signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{4096, 4096};
      setrlimit(RLIMIT_FSIZE, &limit);
    });
  });
  EXPECT_EQ(outcome,
            fmt::format("{0}/checkpoint-00000002.h5.partial: cannot be written: File too large"
                        "\nnewest: {0}/checkpoint-00000001.h5, damaged: 0, files: 1",
                        folder.path()));
}

/// A disk of one's own that is nearly full; false where mounting is not permitted.
bool mount_small_disk(const std::string& folder) {
  if (unshare(CLONE_NEWNS) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  return mount("none", folder.c_str(), "tmpfs", 0, "size=128k") == 0;
}

TEST(CheckpointWriter, AFullDiskLeavesTheOldOne) {
  const TemporaryFolder folder;
  const std::string outcome = in_child([&]() -> std::string {
    if (!mount_small_disk(folder.path())) return "not permitted";
    return run_out_of_space(folder.path(), [&] {
      const std::vector<std::byte> filling(1 << 20);
      put_bytes(folder / "filling", filling);
      fs::resize_file(folder / "filling", fs::file_size(folder / "filling") - 8192);
    });
  });
  if (outcome == "not permitted") GTEST_SKIP() << "mounting is not permitted here";
  EXPECT_EQ(
      outcome,
      fmt::format("{0}/checkpoint-00000002.h5.partial: cannot be written: No space left on device"
                  "\nnewest: {0}/checkpoint-00000001.h5, damaged: 0, files: 2",
                  folder.path()));
}

TEST(CheckpointWriter, AKilledWriterLeavesAWholeCheckpointAtEveryMoment) {
  const TemporaryFolder folder;
  {
    CheckpointWriter writer(folder.path(), 1);
    write_step(writer, 1);
  }
  for (int trial = 0; trial < 30; ++trial) {
    const pid_t child = fork();
    if (child == 0) {
      CheckpointWriter writer(folder.path(), 1);
      for (std::uint64_t step = 2;; ++step) write_step(writer, step);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(7 * trial % 40));
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    std::vector<std::string> damaged;
    ASSERT_NE(find_newest_checkpoint(folder.path(), damaged), std::nullopt);
    ASSERT_TRUE(damaged.empty()) << damaged.front();
  }
}

TEST(CheckpointWriter, AFailureShowsAtTheNextWrite) {
  const TemporaryFolder folder;
  CheckpointWriter writer(folder / "c", 1);
  fs::remove_all(folder / "c");
  write_step(writer, 1);
  EXPECT_THROW(write_step(writer, 2), std::runtime_error);
  fs::create_directory(folder / "c");
  write_step(writer, 3);  // and the writer goes on
  writer.wait();
  EXPECT_THAT(names_in(folder / "c"), ElementsAre("checkpoint-00000003.h5"));
}

}  // namespace
}  // namespace resnext::worker
