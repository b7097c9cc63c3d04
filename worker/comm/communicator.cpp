#include "worker/comm/communicator.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <numeric>
#include <stdexcept>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "net/wait_timeout.h"

namespace resnext::worker {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

void check_mpi(int code, const char* operation) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw std::runtime_error(fmt::format("{} failed: {}", operation, text.data()));
}

MpiSession::MpiSession(int* argc, char*** argv) {
  int provided = 0;
  check_mpi(MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  if (provided < MPI_THREAD_FUNNELED) {
    throw std::runtime_error("this MPI does not allow threads beside the one that calls it");
  }
}

MpiSession::~MpiSession() {
  MPI_Finalize();
}

Communicator::Communicator() {
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
  MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN);
  MPI_Comm_rank(comm_, &rank_);
  MPI_Comm_size(comm_, &size_);
}

Communicator::~Communicator() {
  MPI_Comm_free(&comm_);
}

void Communicator::wait(MPI_Request& request, const std::string& operation) const {
  using Clock = std::chrono::steady_clock;
  // Time in which this very process was stopped (by SIGSTOP, a debugger, a hypervisor) is no
  // waiting: a rank that wakes up must not accuse the others.
  constexpr Clock::duration kLongestPoll = std::chrono::seconds(1);
  Clock::duration waited{0};
  Clock::time_point before = Clock::now();
  while (!test(request)) {
    sched_yield();
    const Clock::time_point now = Clock::now();
    waited += std::min(now - before, kLongestPoll);
    before = now;
    if (waited <= timeout_) continue;
    throw net::WaitTimeout(host_name(), timeout_, operation);
  }
}

bool Communicator::test(MPI_Request& request) const {
  int done = 0;
  check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
  return done != 0;
}

template <typename T>
void Communicator::broadcast(std::span<T> values) const {
  constexpr std::size_t piece = std::numeric_limits<int>::max() / 2;  // MPI counts are int
  auto bytes = std::as_writable_bytes(values);
  while (!bytes.empty()) {
    const auto now = bytes.first(std::min(piece, bytes.size()));
    MPI_Request request = MPI_REQUEST_NULL;
    check_mpi(MPI_Ibcast(now.data(), static_cast<int>(now.size()), MPI_BYTE, 0, comm_, &request),
              "MPI_Ibcast");
    wait(request, "a broadcast");
    bytes = bytes.subspan(now.size());
  }
}

template void Communicator::broadcast(std::span<float>) const;
template void Communicator::broadcast(std::span<char>) const;
template void Communicator::broadcast(std::span<std::uint64_t>) const;

void Communicator::broadcast_string(std::string& text) const {
  std::uint64_t length = text.size();
  broadcast(std::span(&length, 1));
  text.resize(length);
  broadcast(std::span<char>(text));
}

std::vector<std::string> Communicator::gather_strings(const std::string& text) const {
  const int length = static_cast<int>(text.size());
  std::vector<int> lengths(size_), offsets(size_, 0);
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, comm_, &request),
            "MPI_Iallgather");
  wait(request, "an exchange of lengths");
  std::partial_sum(lengths.begin(), lengths.end() - 1, offsets.begin() + 1);
  std::string all(static_cast<std::size_t>(offsets.back()) + lengths.back(), '\0');
  check_mpi(MPI_Iallgatherv(text.data(), length, MPI_CHAR, all.data(), lengths.data(),
                            offsets.data(), MPI_CHAR, comm_, &request),
            "MPI_Iallgatherv");
  wait(request, "an exchange of texts");
  std::vector<std::string> texts;
  for (int rank = 0; rank < size_; ++rank) {
    texts.push_back(all.substr(offsets[rank], lengths[rank]));
  }
  return texts;
}

void Communicator::sum(std::span<double> values) const {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()), MPI_DOUBLE,
                           MPI_SUM, comm_, &request),
            "MPI_Iallreduce");
  wait(request, "a sum over the ranks");
}

void Communicator::sum(std::span<std::int64_t> values) const {
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallreduce(MPI_IN_PLACE, values.data(), static_cast<int>(values.size()),
                           MPI_INT64_T, MPI_SUM, comm_, &request),
            "MPI_Iallreduce");
  wait(request, "a sum over the ranks");
}

std::int64_t Communicator::maximum(std::int64_t value) const {
  std::int64_t largest = value;
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallreduce(&value, &largest, 1, MPI_INT64_T, MPI_MAX, comm_, &request),
            "MPI_Iallreduce");
  wait(request, "a maximum over the ranks");
  return largest;
}

std::optional<std::string> Communicator::first_failure(
    const std::optional<std::string>& failure) const {
  std::int64_t failures = failure ? 1 : 0;
  sum(std::span(&failures, 1));
  if (failures == 0) return std::nullopt;
  // The lowest rank that failed says what happened.
  std::vector<std::int64_t> failed(size_, 0);
  failed[rank_] = failure ? 1 : 0;
  sum(failed);
  int first = 0;
  while (failed[first] == 0) ++first;
  const std::string text = gather_strings(first == rank_ ? failure.value_or("") : "")[first];
  return failures == size_ ? text : fmt::format("rank {}: {}", first, text);
}

void Communicator::fail_together(const std::optional<std::string>& failure) const {
  if (const auto first = first_failure(failure)) throw AgreedFailure(*first);
}

}  // namespace resnext::worker
