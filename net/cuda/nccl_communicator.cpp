#include "net/cuda/nccl_communicator.h"

#include <algorithm>
#include <array>
#include <exception>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include "net/wait_timeout.h"

namespace resnext::net::cuda {
namespace {

std::string host_name() {
  std::array<char, 256> name{};
  gethostname(name.data(), name.size() - 1);
  return name.data();
}

bool is_error(ncclResult_t result) {
  return result != ncclSuccess && result != ncclInProgress;
}

}  // namespace

NcclCommunicator::NcclCommunicator(const RankPosition& position, std::chrono::seconds timeout)
    : rank_(position.rank), size_(position.size), timeout_(timeout) {
  ncclUniqueId id{};
  if (rank_ == 0) check(ncclGetUniqueId(&id), "making an identity");
  position.broadcast(std::span(reinterpret_cast<char*>(&id), sizeof id));
  ncclConfig_t configuration = NCCL_CONFIG_INITIALIZER;
  configuration.blocking = 0;  // so that a rank that never comes can be given up on
  finish(ncclCommInitRankConfig(&communicator_, size_, id, rank_, &configuration),
         "NCCL's meeting of the ranks");
}

NcclCommunicator::~NcclCommunicator() {
  if (communicator_ == nullptr) return;
  if (std::uncaught_exceptions() > 0) {
    leave();
    return;
  }
  for (void* registration : registrations_) ncclCommDeregister(communicator_, registration);
  ncclCommDestroy(communicator_);
}

/// What is on the GPU ends without a result.
void NcclCommunicator::leave() {
  if (communicator_ != nullptr) ncclCommAbort(std::exchange(communicator_, nullptr));
}

void NcclCommunicator::check(ncclResult_t result, const std::string& operation) {
  if (!is_error(result)) return;
  const std::string details = ncclGetLastError(communicator_);
  const std::string message =
      fmt::format("NCCL on {}: {}: {}{}{}", host_name(), present_operation(operation),
                  ncclGetErrorString(result), details.empty() ? "" : ": ", details);
  leave();
  throw std::runtime_error(message);
}

/// The first operation that is not over.
std::string NcclCommunicator::present_operation(const std::string& last) const {
  for (std::size_t i = 0; i < issued_; ++i) {
    if (!operations_[i].over.is_over()) return operations_[i].name;
  }
  return last;
}

/// Time in which this very process was stopped is no waiting (as in worker/comm/communicator.cpp).
template <typename IsDone>
void NcclCommunicator::poll(const IsDone& is_done, const std::string& operation) {
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
    const std::string present = present_operation(operation);
    leave();
    throw WaitTimeout(host_name(), timeout_, present);
  }
}

/// A communicator that does not block may still be at work when a call returns.
void NcclCommunicator::finish(ncclResult_t issued, const std::string& operation) {
  check(issued, operation);
  poll(
      [&] {
        ncclResult_t state = ncclSuccess;
        check(ncclCommGetAsyncError(communicator_, &state), operation);
        check(state, operation);
        return state != ncclInProgress;
      },
      operation);
}

/// The same for what `stream` will do, which a failure may have to name.
void NcclCommunicator::finish(ncclResult_t issued, const std::string& operation,
                              const Stream& stream) {
  finish(issued, operation);
  if (issued_ == operations_.size()) operations_.emplace_back();
  operations_[issued_].name = operation;
  stream.record(operations_[issued_].over);
  ++issued_;
}

void NcclCommunicator::wait(const Event& event, const std::string& work) {
  poll(
      [&] {
        if (event.is_over()) return true;
        ncclResult_t state = ncclSuccess;
        check(ncclCommGetAsyncError(communicator_, &state), work);
        check(state, work);
        return false;
      },
      work);
  issued_ = 0;
}

void NcclCommunicator::offer(const CollectiveMemory& memory) {
  void* registration = nullptr;
  finish(ncclCommRegister(communicator_, memory.data(), memory.bytes(), &registration),
         "registering memory");
  if (registration != nullptr) registrations_.push_back(registration);
}

void NcclCommunicator::exchange(const float* from, const std::vector<Part>& parts, float* to,
                                std::size_t pitch, std::size_t own_count, const Stream& stream,
                                const std::string& operation) {
  ncclResult_t issued = ncclGroupStart();
  // A group that was begun must end, or the communicator could not be left.
  const auto add = [&](ncclResult_t result) {
    if (!is_error(issued)) issued = result;
  };
  for (int rank = 0; rank < size_; ++rank) {
    const Part& part = parts[std::size_t(rank)];
    if (part.count > 0) {
      add(ncclSend(from + part.offset, part.count, ncclFloat, rank, communicator_, stream.get()));
    }
    if (own_count > 0) {
      add(ncclRecv(to + std::size_t(rank) * pitch, own_count, ncclFloat, rank, communicator_,
                   stream.get()));
    }
  }
  add(ncclGroupEnd());
  finish(issued, operation, stream);
}

void NcclCommunicator::gather(float* all, std::size_t count, const Stream& stream,
                              const std::string& operation) {
  if (count == 0) return;
  finish(ncclAllGather(all + std::size_t(rank_) * count, all, count, ncclFloat, communicator_,
                       stream.get()),
         operation, stream);
}

void NcclCommunicator::sum(float* values, std::size_t count, const Stream& stream,
                           const std::string& operation) {
  finish(ncclAllReduce(values, values, count, ncclFloat, ncclSum, communicator_, stream.get()),
         operation, stream);
}

void NcclCommunicator::sum(double* values, std::size_t count, const Stream& stream,
                           const std::string& operation) {
  finish(ncclAllReduce(values, values, count, ncclDouble, ncclSum, communicator_, stream.get()),
         operation, stream);
}

}  // namespace resnext::net::cuda
