#pragma once
// The StepEngine seam on a GPU: weights, momentum and gradients never leave the device.

#include <memory>
#include <optional>
#include <vector>

#include "net/cuda/cuda_engine.h"
#include "net/cuda/device_reduction.h"
#include "net/step_engine.h"

namespace resnext::net::cuda {

class GpuStep final : public StepEngine {
 public:
  GpuStep(std::unique_ptr<CudaEngine> engine, const StepArrays& arrays, const StepOptions& options,
          const RankPosition& position);

  void set_momentum(std::span<const float> whole) override;
  void begin(float learning_rate) override;
  void train(const Batch& batch, float loss_scale, bool keeps_statistics) override;
  bool takes_batches_early() const override { return true; }
  void announce(const Batch& batch, float loss_scale) override;
  void finish() override;
  std::span<const BatchMetrics> metrics() const override { return metrics_; }
  double gradient_norm() const override { return norm_; }
  void refresh_host() override;
  std::vector<float> gather_momentum(std::vector<float> reused) override;
  Engine& engine() override;

 private:
  struct Rows {
    PinnedMemory memory;
    std::size_t count = 0;
  };
  void compute(const Batch& batch, float loss_scale, bool keeps_statistics, bool last);
  void bring_metrics(const CompiledProgram& program);

  std::unique_ptr<CudaEngine> engine_;
  const StepArrays arrays_;
  const StepOptions options_;
  DeviceMemory statistics_;  ///< this rank's own, as the programs hold them
  bool weights_are_stale_ = true;
  std::optional<DeviceBatch> announced_;
  std::vector<Rows> rows_;  ///< by micro-batch
  std::size_t batch_ = 0;   ///< micro-batches issued in this step
  std::vector<BatchMetrics> metrics_;
  Event metrics_there_{"metrics copied"};
  double norm_ = 0;
  /// Last, so that it leaves the other ranks before CUDA, freeing memory, waits for what they do.
  std::unique_ptr<DeviceReduction> reduction_;
};

}  // namespace resnext::net::cuda
