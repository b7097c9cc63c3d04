#include "tests/cuda_standin/nccl_communicator.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <unistd.h>

namespace resnext::standin {
namespace {

std::string this_gpu() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + " " + current_pci_bus_id();
}

constexpr long kNever = -1, kJoining = -2;

/// Operations after which the environment has a rank fail.
long failure_after(int rank) {
  const char *at = std::getenv("STANDIN_NCCL_ERROR_AT"),
             *who = std::getenv("STANDIN_NCCL_ERROR_RANK");
  if (at == nullptr || rank != (who != nullptr ? std::atoi(who) : 0)) return kNever;
  return std::string(at) == "join" ? kJoining : std::atol(at);
}

/// The signal that it then sends to itself; 0: none, but NCCL reports an error.
int signal_of_failure() {
  const char* signal = std::getenv("STANDIN_NCCL_SIGNAL");
  return signal != nullptr ? std::atoi(signal) : 0;
}

/// One operation on its way.
struct Flight {
  std::vector<Exchange> exchanges;
  std::vector<std::vector<std::size_t>> send_numbers, receive_numbers;
  std::vector<std::vector<Bytes>> received;
  bool failed = false, sent = false;
};

}  // namespace

Communicator::Communicator(const std::string& name, int rank, int size, bool blocking)
    : messages_(name, rank),
      rank_(rank),
      size_(size),
      blocking_(blocking),
      gpu_(this_gpu()),
      met_(std::size_t(size)) {
  cudaGetDevice(&device_);
  if (failure_after(rank_) == kJoining) fail();
  for (int peer = 0; peer < size_; ++peer) messages_.send(peer, messages_.next_to(peer), gpu_);
}

void Communicator::fail() {
  if (const int signal = signal_of_failure(); signal != 0) {
    std::raise(signal);
  } else {
    state_ = ncclRemoteError;
  }
}

ncclResult_t Communicator::meet() {
  for (int peer = 0; peer < size_; ++peer) {
    if (met_[std::size_t(peer)]) continue;
    const auto greeting = messages_.receive(peer, 0);
    if (!greeting) return ncclInProgress;
    messages_.next_from(peer);
    met_[std::size_t(peer)] = true;
    if (peer != rank_ && std::string(greeting->begin(), greeting->end()) == gpu_) {
      std::fprintf(stderr, "[standin] NCCL: ranks %d and %d both use GPU %s\n", rank_, peer,
                   gpu_.c_str());
      return ncclInvalidUsage;
    }
  }
  return ncclSuccess;
}

ncclResult_t Communicator::progress() {
  if (finalizing_ && !idle() && state_ == ncclSuccess) return ncclInProgress;
  if (state_ != ncclInProgress) return state_;
  const bool meeting = std::ranges::find(met_, false) != met_.end();
  return state_ = meeting ? meet() : ncclSuccess;
}

Attempt Communicator::attempt_of(const std::vector<Exchange>& exchanges) {
  auto flight = std::make_shared<Flight>();
  flight->exchanges = exchanges;
  for (const Exchange& exchange : exchanges) {
    auto& to = flight->send_numbers.emplace_back();
    for (const Exchange::Send& send : exchange.sends) to.push_back(messages_.next_to(send.peer));
    auto& from = flight->receive_numbers.emplace_back();
    for (const int peer : exchange.receives) from.push_back(messages_.next_from(peer));
    flight->received.emplace_back();
  }
  ++pending_;
  const bool fails = issued_++ == failure_after(rank_);
  return [this, flight, fails, self = shared_from_this()] {
    if (fails && !std::exchange(flight->failed, true)) fail();
    if (!aborted_ && state_ == ncclRemoteError) return false;
    for (std::size_t i = 0; i < flight->exchanges.size() && !aborted_; ++i) {
      const Exchange& exchange = flight->exchanges[i];
      for (std::size_t k = 0; k < exchange.sends.size() && !flight->sent; ++k) {
        const Exchange::Send& send = exchange.sends[k];
        messages_.send(send.peer, flight->send_numbers[i][k], {send.start, send.bytes});
      }
    }
    flight->sent = true;
    for (std::size_t i = 0; i < flight->exchanges.size() && !aborted_; ++i) {
      const Exchange& exchange = flight->exchanges[i];
      std::vector<Bytes>& received = flight->received[i];
      while (received.size() < exchange.receives.size()) {
        const std::size_t k = received.size();
        auto message = messages_.receive(exchange.receives[k], flight->receive_numbers[i][k]);
        if (!message) return false;
        received.push_back(std::move(*message));
      }
    }
    // Nothing is written before all has come: what a peer sends was read before.
    for (std::size_t i = 0; i < flight->exchanges.size() && !aborted_; ++i) {
      flight->exchanges[i].finish(flight->received[i]);
    }
    --pending_;
    return true;
  };
}

ncclResult_t Communicator::issue(cudaStream_t stream, const std::string& what,
                                 std::vector<Exchange> exchanges) {
  if (aborted_) return ncclInvalidUsage;
  if (state_ == ncclInProgress && !connected_) return ncclInvalidUsage;  // nobody has waited
  if (state_ == ncclRemoteError) return state_;
  const cudaError_t status = enqueue_attempts(
      stream, "nccl " + what,
      [self = shared_from_this(), all = std::move(exchanges)] { return self->attempt_of(all); });
  if (status != cudaSuccess) return ncclUnhandledCudaError;
  if (blocking_ || std::exchange(connected_, true)) return ncclSuccess;
  return state_ = ncclInProgress;
}

void Communicator::abort() {
  aborted_ = true;
  messages_.remove();
}

}  // namespace resnext::standin
