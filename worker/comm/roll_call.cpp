#include "worker/comm/roll_call.h"

#include <algorithm>
#include <array>
#include <thread>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace resnext::worker {
namespace {

constexpr int kTag = 1;
constexpr std::size_t kMostNamed = 8;  ///< ranks in a message
constexpr std::size_t kLongestWord = 200;

std::string processor_name() {
  std::array<char, MPI_MAX_PROCESSOR_NAME> name{};
  int length = 0;
  check_mpi(MPI_Get_processor_name(name.data(), &length), "MPI_Get_processor_name");
  return {name.data(), static_cast<std::size_t>(length)};
}

std::string list(const std::vector<std::string>& items) {
  const std::size_t named = std::min(items.size(), kMostNamed);
  std::string text = fmt::format("{}", fmt::join(items.begin(), items.begin() + named, ", "));
  if (items.size() > named) text += fmt::format(" and {} more", items.size() - named);
  return text;
}

}  // namespace

RollCall::RollCall(const Communicator& world)
    : world_(world), hosts_(world.gather_strings(processor_name())) {}

std::string RollCall::hold(const std::string& operation, std::chrono::seconds patience) {
  word_ = operation.substr(0, kLongestWord);
  tell();
  return world_.rank() < kSpeakers ? describe(listen(patience)) : "";
}

void RollCall::tell() {
  for (int speaker = 0; speaker < std::min(kSpeakers, world_.size()); ++speaker) {
    if (speaker == world_.rank()) continue;
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Isend(word_.data(), static_cast<int>(word_.size()), MPI_CHAR, speaker, kTag,
                        world_.get(), &request),
              "MPI_Isend");
    MPI_Request_free(&request);
  }
}

std::vector<std::string> RollCall::listen(std::chrono::seconds patience) const {
  std::vector<std::string> words(static_cast<std::size_t>(world_.size()));
  int missing = world_.size() - 1;
  const auto end = std::chrono::steady_clock::now() + patience;
  while (missing > 0 && std::chrono::steady_clock::now() < end) {
    int there = 0;
    MPI_Status status{};
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kTag, world_.get(), &there, &status), "MPI_Iprobe");
    if (there == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    std::array<char, kLongestWord> word{};
    int length = 0;
    MPI_Get_count(&status, MPI_CHAR, &length);
    check_mpi(MPI_Recv(word.data(), length, MPI_CHAR, status.MPI_SOURCE, kTag, world_.get(),
                       MPI_STATUS_IGNORE),
              "MPI_Recv");
    words[status.MPI_SOURCE].assign(word.data(), static_cast<std::size_t>(length));
    --missing;
  }
  return words;
}

std::string RollCall::name(int rank) const {
  return fmt::format("rank {} (host {})", rank, hosts_[rank]);
}

std::string RollCall::describe(const std::vector<std::string>& words) const {
  std::vector<std::string> silent, waiting;
  for (int rank = 0; rank < world_.size(); ++rank) {
    if (rank == world_.rank()) continue;
    if (words[rank].empty()) {
      silent.push_back(name(rank));
    } else {
      waiting.push_back(fmt::format("rank {} waits in {}", rank, words[rank]));
    }
  }
  std::string text = silent.empty() ? "all others wait too" : "no word from " + list(silent);
  if (!waiting.empty()) text += "; " + list(waiting);
  return text;
}

}  // namespace resnext::worker
