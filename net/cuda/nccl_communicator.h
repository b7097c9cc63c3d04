#pragma once
// NCCL among the ranks of a run, with waits that end and errors that say where.

#include <chrono>
#include <string>
#include <vector>

#include <nccl.h>

#include "net/cuda/collective_memory.h"
#include "net/cuda/device_memory.h"
#include "net/step_engine.h"

namespace resnext::net::cuda {

/// Whatever throws leaves the other ranks at once: CUDA frees no memory as long as NCCL's work on
/// the GPU waits for them. What NCCL reports is a std::runtime_error that names host and operation;
/// when time is up, as some other rank is stuck or gone, it is a WaitTimeout.
class NcclCommunicator {
 public:
  /// Collective.
  NcclCommunicator(const RankPosition& position, std::chrono::seconds timeout);
  /// While an exception is under way it does not wait for the others, who may be dead.
  ~NcclCommunicator();
  NcclCommunicator(const NcclCommunicator&) = delete;
  NcclCommunicator& operator=(const NcclCommunicator&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }

  /// Lets NCCL reach the memory directly; it must outlive the communicator.
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

  /// Waits for `event`, which comes after all that was issued. `work`: what it is, where no
  /// operation is what holds it up.
  void wait(const Event& event, const std::string& work);

 private:
  struct Operation {
    std::string name;
    Event over;
  };

  void check(ncclResult_t result, const std::string& operation);
  void finish(ncclResult_t issued, const std::string& operation);
  void finish(ncclResult_t issued, const std::string& operation, const Stream& stream);
  template <typename IsDone>
  void poll(const IsDone& is_done, const std::string& operation);
  std::string present_operation(const std::string& last) const;
  void leave();

  ncclComm_t communicator_ = nullptr;
  int rank_, size_;
  std::chrono::seconds timeout_;
  std::vector<void*> registrations_;
  std::vector<Operation> operations_;  ///< those issued since the last wait(), then some to reuse
  std::size_t issued_ = 0;
};

}  // namespace resnext::net::cuda
