#pragma once
// NCCL among the ranks of a run, with waits that end and errors that say where.

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <nccl.h>

#include "net/cuda/collective_memory.h"
#include "net/cuda/device_memory.h"
#include "net/step_engine.h"

namespace resnext::net::cuda {

class NcclCommunicator {
 public:
  /// Collective. Throws std::runtime_error when not all ranks meet within `timeout`.
  NcclCommunicator(const RankPosition& position, std::chrono::seconds timeout);
  /// Leaves the others, who may be dead, without waiting for them after a failure.
  ~NcclCommunicator();
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  /// Lets NCCL reach the memory directly; it must outlive the communicator's use of it.
  void offer(const CollectiveMemory& memory);

  /// Values [offset, offset + count) of a buffer.
  struct Part {
    std::size_t offset = 0, count = 0;
  };
  /// Sends part r of `from` to rank r, and takes own_count values from every rank to
  /// `to` + r * pitch. Asynchronous on `stream`, like all that follows.
  void exchange(const float* from, const std::vector<Part>& parts, float* to, std::size_t pitch,
                std::size_t own_count, const Stream& stream, const std::string& operation);
  /// Everybody's `count` values at `all` + rank * count to everybody.
  void gather(float* all, std::size_t count, const Stream& stream, const std::string& operation);
  void sum(float* values, std::size_t count, const Stream& stream, const std::string& operation);
  void sum(double* values, std::size_t count, const Stream& stream, const std::string& operation);

  /// Waits for `event`. Throws std::runtime_error naming host and present operation when NCCL
  /// reports an error, or the time is up: some other rank is stuck or gone.
  void wait(const Event& event, const std::function<std::string()>& operation);

 private:
  void check(ncclResult_t result, const std::string& operation);
  void finish_issuing(const std::string& operation);
  template <typename IsDone>
  void poll(const IsDone& is_done, const std::function<std::string()>& operation);

  ncclComm_t communicator_ = nullptr;
  int rank_, size_;
  std::chrono::seconds timeout_;
  std::vector<void*> registrations_;
  bool failed_ = false;
};

}  // namespace resnext::net::cuda
