#pragma once
// The Engine seam on one GPU, and what the step engine (step_on_gpu.h) needs beside it.

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "net/cuda/batch_staging.h"
#include "net/cuda/collective_memory.h"
#include "net/cuda/compiled_program.h"
#include "net/cuda/cudnn_handle.h"
#include "net/cuda/kernels/launch.h"
#include "net/cuda/plan_store.h"
#include "net/cuda/weight_layout.h"
#include "net/cuda_plugin.h"
#include "net/engine.h"

namespace resnext::net::cuda {

class CudaEngine final : public Engine {
 public:
  CudaEngine(const Graph& graph, const Normalisation& normalisation,
             const CudaEngineOptions& options);

  void compile_training(int batch_size) override;
  void compile_inference(int batch_size) override;
  void set_parameters(std::span<const float> arena) override;
  BatchMetrics train(const Batch& batch, float loss_scale, std::span<float> gradients,
                     std::span<float> statistics, const GradientReady& on_ready) override;
  BatchMetrics evaluate(const Batch& batch, std::span<const float> statistics,
                        std::span<float> logits) override;
  std::size_t memory_bytes() const override;

  /// Does `work`, which takes memory of the GPU. Where that is not enough, throws
  /// std::runtime_error that says so of `doing`, and which batch would fit.
  template <typename Work>
  auto with_memory_advice(const std::string& doing, const Work& work) -> decltype(work()) {
    try {
      return work();
    } catch (const OutOfDeviceMemory& error) {
      throw_advice(doing, error.what());
    }
  }

  // Everything below is asynchronous on stream(), and works on the device.

  const Graph& graph() const { return graph_; }
  const Stream& stream() const { return stream_; }

  /// Refreshes working weights from an arena's values in `range`.
  void pack(const float* arena, ArenaRange range);

  /// Begins to bring a batch to the device. It must be trained on before the next but one comes.
  DeviceBatch stage(const Batch& batch, float loss_scale);

  /// Forward and backward into gradients(), calling `on_ready` as soon as the work that completes a
  /// longer prefix has been issued. Returns the program that holds the batch's metrics.
  const CompiledProgram& issue_training(int batch_size, const DeviceBatch& batch,
                                        const GradientReady& on_ready);

  /// The arena that gradients are exported to.
  const CollectiveMemory& gradients() const { return gradients_; }

  /// Running statistics as the programs hold them.
  const DeviceMemory& statistics() const { return memory_.statistics; }
  const DeviceMemory& moved_statistics() const { return memory_.moved_statistics; }
  std::vector<float> padded_statistics(std::span<const float> statistics) const;
  void unpad_statistics(std::span<const float> padded, std::span<float> statistics) const;

  /// The rows' metrics as a batch's.
  static BatchMetrics summed(std::span<const kernels::RowMetrics> rows);

 private:
  struct Resized {
    int batch_size = 0;
    Shape input;
    std::unique_ptr<CompiledProgram> program;
  };

  void allocate();
  void upload_tables(const Normalisation& normalisation);
  CompiledProgram& program(int batch_size, bool training);
  CompiledProgram& resized_program(const Batch& batch);
  std::unique_ptr<CompiledProgram> compile(const Graph& graph, int batch_size, bool training);
  void make_room(std::size_t activations, std::size_t workspace);
  void require_parameters() const;
  void require_pixel_table(const Batch& batch) const;
  void refresh_parameters();
  void use_device() const;
  BatchMetrics read_results(const CompiledProgram& program, const Batch& batch,
                            std::span<float> logits) const;
  [[noreturn]] void throw_advice(const std::string& doing, const std::string& reason);
  int largest_fitting_batch();
  std::size_t planned_workspace(int batch_size);

  const Graph graph_;
  const CudaEngineOptions options_;
  const DataType type_;
  const WeightLayout layout_;
  const StatisticLayout statistic_layout_;
  const std::size_t free_at_start_;  ///< bytes
  Stream stream_{"compute", Stream::Priority::kHigh};
  CudnnHandle handle_;
  PlanStore plans_;
  CollectiveMemory gradients_;
  EngineMemory memory_;
  DeviceMemory weight_entries_;
  BatchStaging staging_;
  BatchBuffer evaluated_;  ///< apart, as a batch to train on may be there already
  std::map<std::pair<int, bool>, std::unique_ptr<CompiledProgram>> programs_;
  std::list<Resized> resized_;  ///< the last used first
  std::span<const float> host_parameters_;
  bool parameters_are_new_ = false;
  bool has_parameters_ = false;
  bool trains_ = false;
};

}  // namespace resnext::net::cuda
