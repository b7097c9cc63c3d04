#pragma once
// A communicator of the stand-in NCCL: what each operation exchanges, and the state that
// ncclCommGetAsyncError tells.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <nccl.h>

#include "tests/cuda_standin/message_folder.h"
#include "tests/cuda_standin/standin.h"

namespace resnext::standin {

/// What one rank does in one operation. Messages are numbered when the operation is issued, and
/// sent once the stream comes to it.
struct Exchange {
  struct Send {
    int peer = 0;
    const char* start = nullptr;
    std::size_t bytes = 0;
  };
  std::vector<Send> sends;
  std::vector<int> receives;                              ///< peers, in the order of `finish`
  std::function<void(const std::vector<Bytes>&)> finish;  ///< given what came
};

class Communicator : public std::enable_shared_from_this<Communicator> {
 public:
  Communicator(const std::string& name, int rank, int size, bool blocking);

  int rank() const { return rank_; }
  int size() const { return size_; }
  int device() const { return device_; }
  bool blocking() const { return blocking_; }

  /// Tries to meet the other ranks, and tells the present state.
  ncclResult_t progress();
  /// Appends the operation to the stream.
  ncclResult_t issue(cudaStream_t stream, const std::string& what, std::vector<Exchange> exchanges);
  bool idle() const { return pending_ == 0; }
  void finalize() { finalizing_ = true; }
  /// What is pending ends without a result.
  void abort();

 private:
  Attempt attempt_of(const std::vector<Exchange>& exchanges);
  void fail();
  ncclResult_t meet();

  MessageFolder messages_;
  int rank_, size_, device_ = 0;
  bool blocking_, aborted_ = false;
  bool connected_ = false;  ///< the first operation of a non-blocking communicator connects
  bool finalizing_ = false;
  std::string gpu_;  ///< of this rank: no two ranks may share one
  std::vector<bool> met_;
  ncclResult_t state_ = ncclInProgress;
  long issued_ = 0, pending_ = 0;
};

}  // namespace resnext::standin
