#pragma once
// The seam for one rank's share of training steps: the gradients of its micro-batches, their sum
// over all ranks, the update. With a CPU engine that is an Engine and MPI (worker/host_step.h); a
// GPU keeps weights, momentum and gradients in its own memory, so its plugin does the whole step.

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "net/engine.h"
#include "net/sgd_options.h"

namespace resnext::net {

struct StepOptions {
  SgdOptions sgd;
  /// Largest norm of the summed gradient, which is scaled down to it; 0: any.
  double clip_norm = 0;
  /// Sums in the replicas' balanced tree (the same bits on any number of ranks), or in whatever
  /// order the library likes best.
  bool exact = true;
  std::size_t bucket_values = 1 << 20;  ///< of the arena, reduced together
  int local_batches = 1;                ///< micro-batches of this rank in a step
  std::chrono::seconds timeout{600};    ///< how long to wait for other ranks
};

/// Arrays of the caller, which must stay in place. An engine with memory of its own takes their
/// values when it is made, and brings them up to date in refresh_host().
struct StepArrays {
  std::span<float> parameters;  ///< the arena; the same on every rank
  std::span<float> statistics;  ///< running statistics, used where a batch keeps them
};

/// Where a rank stands among all, for an engine that communicates by itself.
struct RankPosition {
  int rank = 0;
  int size = 1;
  /// Rank 0's bytes to all. Collective.
  std::function<void(std::span<char>)> broadcast;
};

/// A step is begin(), train() for each of the rank's micro-batches in order, finish(). What fails
/// throws std::runtime_error naming the operation, and leaves other ranks waiting: the caller must
/// end them.
class StepEngine {
 public:
  StepEngine() = default;
  StepEngine(const StepEngine&) = delete;
  StepEngine& operator=(const StepEngine&) = delete;
  virtual ~StepEngine() = default;

  /// Takes this rank's part of a whole momentum (zero without it).
  virtual void set_momentum(std::span<const float> whole) = 0;

  virtual void begin(float learning_rate) = 0;

  /// Forward and backward of the next micro-batch; one without images adds nothing. Adds
  /// d(loss_scale * loss sum)/d(parameter) to the step's gradient. `keeps_statistics`: the batch
  /// moves the running statistics. Starts the reduction of what is complete during the last one.
  virtual void train(const Batch& batch, float loss_scale, bool keeps_statistics) = 0;

  /// Whether announce() is of use: where it is not, a step must not wait for the next one's data.
  virtual bool takes_batches_early() const { return false; }

  /// What the next train() will bring, in this step or the next, so that it can be on its way while
  /// the device computes. The batch's memory may be reused on return.
  virtual void announce(const Batch&, float /*loss_scale*/) {}

  /// Ends the step: its metrics are there, and what is asked for next sees its new weights.
  virtual void finish() = 0;

  /// Of the micro-batches of the step that finish() ended, in order.
  virtual std::span<const BatchMetrics> metrics() const = 0;

  /// Of the last step's gradient before it was clipped. Only with a `clip_norm`.
  virtual double gradient_norm() const = 0;

  /// Brings the caller's arrays up to date with the last finished step.
  virtual void refresh_host() = 0;

  /// The whole momentum on rank 0 (elsewhere empty), in the memory of `reused`. Collective.
  virtual std::vector<float> gather_momentum(std::vector<float> reused) = 0;

  /// To evaluate with, between steps: set_parameters() first, whatever was trained.
  virtual Engine& engine() = 0;
};

}  // namespace resnext::net
