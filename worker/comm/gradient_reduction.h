#pragma once
// From gradients to new weights, bucket by bucket while the backward pass runs.
//
// exact: each bucket is cut into one segment a rank. The ranks exchange segments (MPI_Ialltoallv),
// each
//        sums its own in the replicas' balanced tree, updates those weights, and all gather the new
//        ones (MPI_Iallgatherv). Traffic of a ring; the order of every addition is fixed.
// fast:  MPI_Iallreduce, then every rank updates the whole bucket. The library chooses the order.
//
// Where the gradient is clipped, the updates wait for its norm, and so for all buckets.

#include <cstdint>
#include <span>
#include <vector>

#include "worker/comm/communicator.h"
#include "worker/replica_sum.h"
#include "worker/sgd.h"

namespace resnext::worker {

enum class ReductionMode { kExact, kFast };

class GradientReduction {
 public:
  /// Buckets of about `bucket_values` values over an arena of `arena_values`. `clip_norm`: the
  /// largest norm of the summed gradient, which is scaled down to it (worker/gradient_norm.h); 0:
  /// any. Collective.
  GradientReduction(std::size_t arena_values, std::size_t bucket_values, ReductionMode mode,
                    const SgdOptions& sgd, std::chrono::seconds timeout, double clip_norm = 0);

  /// Starts a step. `local` holds all but the rank's last replica; its last gradient is about to be
  /// written. `parameters` receives the new weights.
  void begin(LocalReplicaSum& local, std::span<float> parameters, float learning_rate);
  /// The first `ready` values of the last gradient are final: starts what buckets that completes,
  /// and moves on those under way.
  void ready(std::size_t ready);
  /// Waits until all weights are new.
  void finish();

  /// Norm of the last step's gradient before it was clipped. Only with a `clip_norm`.
  double gradient_norm() const { return norm_; }

  /// The whole momentum on rank 0 (elsewhere empty), in the memory of `reused`. Collective.
  std::vector<float> gather_momentum(std::vector<float> reused) const;
  /// Takes each rank's part of a whole momentum.
  void set_momentum(std::span<const float> whole);

 private:
  enum class Stage { kWaiting, kReducing, kReduced, kUpdated, kGathering, kDone };
  struct Bucket {
    std::size_t first = 0, last = 0;  ///< in the arena
    std::size_t momentum_first = 0;   ///< of this rank's segment, in momentum_
    Stage stage = Stage::kWaiting;
    MPI_Request request = MPI_REQUEST_NULL;
    std::vector<int> counts, offsets;         ///< the ranks' segments in the bucket
    std::size_t own_first = 0, own_last = 0;  ///< the segment this rank updates, in the arena
    std::vector<float> received;              ///< this rank's segment from every rank
    std::vector<int> received_counts, received_offsets;
  };

  void cut_buckets(std::size_t arena_values, std::size_t bucket_values);
  void cut_segments(Bucket& bucket) const;
  void start_reducing(Bucket& bucket);
  void advance(bool wait);
  void sum_segments(Bucket& bucket);
  void measure_norm();
  void update(Bucket& bucket);
  void wait_for_gathers();
  std::span<float> reduced_gradient(Bucket& bucket);
  void start_gathering(Bucket& bucket);
  static std::span<float> own_segment(const Bucket& bucket, std::span<float> arena) {
    return arena.subspan(bucket.own_first, bucket.own_last - bucket.own_first);
  }

  const ReductionMode mode_;
  const SgdOptions sgd_;
  const double clip_norm_;
  // Collectives on one communicator must start in the same order everywhere. Exchanges and gathers
  // each do, but not relative to one another.
  Communicator exchange_, gather_;
  std::vector<Bucket> buckets_;
  std::vector<float> momentum_;  ///< of this rank's segments, bucket by bucket

  LocalReplicaSum* local_ = nullptr;
  std::span<float> parameters_;
  float learning_rate_ = 0;
  std::size_t started_ = 0;   ///< buckets whose reduction has begun
  std::size_t gathered_ = 0;  ///< buckets whose gather has begun

  std::vector<double> block_squares_;  ///< of the whole arena's blocks; other ranks' are 0 until
                                       ///< they have all been exchanged
  double norm_ = 0;
  float factor_ = 1;        ///< of the gradient
  bool may_update_ = true;  ///< the factor is known
};

}  // namespace resnext::worker
