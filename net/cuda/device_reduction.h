#pragma once
// From gradients to new weights on the device, bucket by bucket on a stream of its own while the
// backward pass runs. The additions are those of worker/comm/gradient_reduction.h, in its order.

#include <memory>
#include <vector>

#include "net/cuda/cuda_engine.h"
#include "net/cuda/nccl_communicator.h"
#include "net/step_engine.h"

namespace resnext::net::cuda {

class DeviceReduction {
 public:
  /// Collective. `parameters`: the initial master weights, the same on every rank.
  DeviceReduction(CudaEngine& engine, const StepOptions& options, const RankPosition& position,
                  std::span<const float> parameters);

  /// Starts a step: no micro-batch is summed yet.
  void begin(float learning_rate);
  /// Takes in the gradient in the engine's arena: one that is not the rank's last of the step.
  void add();
  /// The work that makes the first `ready` values of the rank's last gradient final is issued.
  void ready(std::size_t ready);
  /// Issues what is left. Then done() says when all weights are new.
  void finish();

  /// Blocks the host until the other ranks have done their part, so that no later wait is for one
  /// that is dead or stuck; throws as NcclCommunicator::wait. One rank goes on at once.
  void wait();

  const CollectiveMemory& parameters() const { return parameters_; }
  double gradient_norm();
  void set_momentum(std::span<const float> whole);
  std::vector<float> gather_momentum(std::vector<float> reused);

 private:
  struct Bucket {
    std::size_t first = 0, last = 0;          ///< in the arena
    std::size_t segment = 0;                  ///< values that each rank sums, but for the last ones
    std::size_t own_first = 0, own_last = 0;  ///< what this rank updates, in the arena
    std::size_t momentum_first = 0;           ///< of that, in momentum_
    std::size_t received_first = 0;           ///< of the ranks' parts, in received_
    std::vector<NcclCommunicator::Part> parts;  ///< by rank, in the arena
    Event computed, reduced, gathered;
  };

  void cut_buckets(std::size_t values, std::size_t bucket_values);
  void cut_segments(Bucket& bucket) const;
  bool is_sharded() const { return communicator_ && options_.exact; }
  std::string name(const char* what, const Bucket& bucket) const;
  void reduce(const Bucket& bucket);
  void measure_norm();
  void update(const Bucket& bucket);
  float* reduced(const Bucket& bucket) const;
  void gather_momentum_parts();

  CudaEngine& engine_;
  const StepOptions options_;
  const RankPosition position_;
  Stream stream_{"reduction", Stream::Priority::kHigh};
  CollectiveMemory parameters_, received_;
  DeviceMemory momentum_, squares_, norm_, factor_;
  std::vector<Bucket> buckets_;
  std::vector<DeviceMemory> levels_;  ///< sums of 1, 2, 4, … micro-batches
  std::vector<bool> occupied_;
  Event done_{"weights updated"};
  float learning_rate_ = 0;
  std::size_t started_ = 0;  ///< buckets
  /// Of more than one rank. Last, so that it goes before the memory that it was offered.
  std::unique_ptr<NcclCommunicator> communicator_;
};

}  // namespace resnext::net::cuda
