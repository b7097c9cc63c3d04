#pragma once
// Training steps on the host: an Engine's gradients, summed over the replicas and the ranks through
// MPI (worker/comm/gradient_reduction.h). Also what a GPU's step is compared to.

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "net/step_engine.h"
#include "worker/comm/gradient_reduction.h"
#include "worker/replica_sum.h"

namespace resnext::worker {

class HostStep final : public net::StepEngine {
 public:
  /// Takes a compiled engine; `arrays` belong to the caller and are worked on in place. Collective.
  HostStep(std::unique_ptr<net::Engine> engine, const net::StepArrays& arrays,
           const net::StepOptions& options);

  void set_momentum(std::span<const float> whole) override { reduction_.set_momentum(whole); }
  void begin(float learning_rate) override;
  void train(const net::Batch& batch, float loss_scale, bool keeps_statistics) override;
  void finish() override { reduction_.finish(); }
  std::span<const net::BatchMetrics> metrics() const override { return metrics_; }
  double gradient_norm() const override { return reduction_.gradient_norm(); }
  void refresh_host() override {}  // the arrays are what it works on
  std::vector<float> gather_momentum(std::vector<float> reused) override {
    return reduction_.gather_momentum(std::move(reused));
  }
  net::Engine& engine() override { return *engine_; }

 private:
  std::unique_ptr<net::Engine> engine_;
  const net::StepArrays arrays_;
  const std::size_t local_batches_;
  LocalReplicaSum local_sum_;
  GradientReduction reduction_;
  std::vector<net::BatchMetrics> metrics_;  ///< of the step's batches so far
};

}  // namespace resnext::worker
