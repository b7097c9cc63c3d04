#include "net/cuda/nccl_communicator.h"

#include <algorithm>
#include <array>
#include <stdexcept>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

namespace resnext::net::cuda {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

}  // namespace

NcclCommunicator::NcclCommunicator(const RankPosition& position, std::chrono::seconds timeout)
    : rank_(position.rank), size_(position.size), timeout_(timeout) {
  ncclUniqueId id{};
  if (rank_ == 0) check(ncclGetUniqueId(&id), "making an identity");
  position.broadcast(std::span(reinterpret_cast<char*>(&id), sizeof id));
  ncclConfig_t configuration = NCCL_CONFIG_INITIALIZER;
  configuration.blocking = 0;  // so that a rank that never comes can be given up on
  check(ncclCommInitRankConfig(&communicator_, size_, id, rank_, &configuration),
        "joining the other ranks");
  finish_issuing("joining the other ranks");
}

NcclCommunicator::~NcclCommunicator() {
  if (communicator_ == nullptr) return;
  if (failed_) {
    ncclCommAbort(communicator_);
    return;
  }
  for (void* registration : registrations_) ncclCommDeregister(communicator_, registration);
  ncclCommDestroy(communicator_);
}

void NcclCommunicator::check(ncclResult_t result, const std::string& operation) {
  if (result == ncclSuccess || result == ncclInProgress) return;
  failed_ = true;
  throw std::runtime_error(fmt::format("NCCL on {}: {}: {}: {}", host_name(), operation,
                                       ncclGetErrorString(result),
                                       ncclGetLastError(communicator_)));
}

/// Time in which this very process was stopped is no waiting (as in worker/comm/communicator.cpp).
template <typename IsDone>
void NcclCommunicator::poll(const IsDone& is_done, const std::function<std::string()>& operation) {
  using Clock = std::chrono::steady_clock;
  constexpr Clock::duration kLongestPoll = std::chrono::seconds(1);
  Clock::duration waited{0};
  Clock::time_point before = Clock::now();
  while (!is_done()) {
    sched_yield();
    const Clock::time_point now = Clock::now();
    waited += std::min(now - before, kLongestPoll);
    before = now;
    if (waited <= timeout_) continue;
    failed_ = true;
    throw std::runtime_error(fmt::format(
        "{} waited {} s for other ranks in {}: one is stuck or dead (--timeout sets the limit)",
        host_name(), timeout_.count(), operation()));
  }
}

/// A communicator that does not block may still be at work when a call returns.
void NcclCommunicator::finish_issuing(const std::string& operation) {
  poll(
      [&] {
        ncclResult_t state = ncclSuccess;
        check(ncclCommGetAsyncError(communicator_, &state), operation);
        check(state, operation);
        return state != ncclInProgress;
      },
      [&] { return operation; });
}

void NcclCommunicator::wait(const Event& event, const std::function<std::string()>& operation) {
  poll(
      [&] {
        if (event.is_over()) return true;
        ncclResult_t state = ncclSuccess;
        check(ncclCommGetAsyncError(communicator_, &state), "asking for errors");
        if (state != ncclSuccess && state != ncclInProgress) check(state, operation());
        return false;
      },
      operation);
}

void NcclCommunicator::offer(const CollectiveMemory& memory) {
  void* registration = nullptr;
  check(ncclCommRegister(communicator_, memory.data(), memory.bytes(), &registration),
        "registering memory");
  finish_issuing("registering memory");
  if (registration != nullptr) registrations_.push_back(registration);
}

void NcclCommunicator::exchange(const float* from, const std::vector<Part>& parts, float* to,
                                std::size_t pitch, std::size_t own_count, const Stream& stream,
                                const std::string& operation) {
  check(ncclGroupStart(), operation);
  for (int rank = 0; rank < size_; ++rank) {
    const Part& part = parts[std::size_t(rank)];
    if (part.count > 0) {
      check(ncclSend(from + part.offset, part.count, ncclFloat, rank, communicator_, stream.get()),
            operation);
    }
    if (own_count > 0) {
      check(ncclRecv(to + std::size_t(rank) * pitch, own_count, ncclFloat, rank, communicator_,
                     stream.get()),
            operation);
    }
  }
  check(ncclGroupEnd(), operation);
  finish_issuing(operation);
}

void NcclCommunicator::gather(float* all, std::size_t count, const Stream& stream,
                              const std::string& operation) {
  if (count == 0) return;
  check(ncclAllGather(all + std::size_t(rank_) * count, all, count, ncclFloat, communicator_,
                      stream.get()),
        operation);
  finish_issuing(operation);
}

void NcclCommunicator::sum(float* values, std::size_t count, const Stream& stream,
                           const std::string& operation) {
  check(ncclAllReduce(values, values, count, ncclFloat, ncclSum, communicator_, stream.get()),
        operation);
  finish_issuing(operation);
}

void NcclCommunicator::sum(double* values, std::size_t count, const Stream& stream,
                           const std::string& operation) {
  check(ncclAllReduce(values, values, count, ncclDouble, ncclSum, communicator_, stream.get()),
        operation);
  finish_issuing(operation);
}

}  // namespace resnext::net::cuda
