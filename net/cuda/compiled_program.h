#pragma once
// A device program with its memory and plans, ready to run.

#include <memory>
#include <span>
#include <vector>

#include "net/cuda/device_memory.h"
#include "net/cuda/device_program.h"
#include "net/cuda/execution_plan.h"
#include "net/cuda/plan_store.h"
#include "net/cuda/weight_layout.h"

namespace resnext::net::cuda {

namespace kernels {
struct ParameterEntry;
struct RowMetrics;
struct BatchHeader;
}  // namespace kernels

/// What programs share: the engine's memory, and where their work goes.
struct EngineMemory {
  DeviceMemory weights;           ///< WeightLayout; padding is zero
  DeviceMemory statistics;        ///< StatisticLayout
  DeviceMemory moved_statistics;  ///< what a training pass makes of them
  DeviceMemory pixel_table;       ///< (C, 256): what an intensity becomes; may be empty
  DeviceMemory activations;       ///< of the program that runs; the largest any needs
  DeviceMemory workspace;         ///< of plans; the largest any needs
  float* gradients = nullptr;     ///< the arena
};

/// Images on the device, and what goes with them.
struct DeviceBatch {
  const float* values = nullptr;         ///< (N, C, H, W), normalised; or
  const std::uint8_t* pixels = nullptr;  ///< (N, H, W, C)
  const kernels::BatchHeader* header = nullptr;
  const std::int32_t* labels = nullptr;  ///< null: none
  std::size_t slot = 0;                  ///< BatchStaging's
};

/// Steps [first, last), and how much of the gradient arena is final after them.
struct Segment {
  std::size_t first = 0, last = 0;
  std::size_t ready = 0;
};

class CompiledProgram {
 public:
  /// Takes the memory that the program needs for itself. Throws OutOfDeviceMemory.
  CompiledProgram(DeviceProgram program, const WeightLayout& weights, PlanStore& plans,
                  cudnnHandle_t handle, const Stream& stream, bool capture);

  std::size_t workspace_bytes() const { return workspace_bytes_; }
  std::size_t memory_bytes() const;
  const DeviceProgram& program() const { return program_; }

  /// Forgets addresses, as `memory` has changed.
  void bind(const EngineMemory& memory);

  /// Brings a batch into the program's own memory; then the batch's memory is free again (in the
  /// stream's order).
  void import(const DeviceBatch& batch);

  /// All that leads to the next export of gradients, or to the end. With capture, a segment is
  /// recorded the second time it runs, and replayed from then on.
  const std::vector<Segment>& segments() const { return segments_; }
  void run(std::size_t segment);

  /// Of the imported batch's rows, loss by loss; on the device.
  const kernels::RowMetrics* metrics() const;
  std::size_t metric_count() const;
  /// On the device.
  void* output(std::size_t index) const { return address(program_.outputs[index].value.at); }

 private:
  struct GraphExecution;
  struct Launcher;

  void* address(const Location& location) const;
  void build_variant_packs();
  void upload_gradient_entries(const WeightLayout& weights);
  void launch(std::size_t first, std::size_t last);
  void capture(std::size_t segment);

  DeviceProgram program_;
  cudnnHandle_t handle_;
  const Stream& stream_;
  bool capture_;
  std::vector<std::shared_ptr<const ExecutionPlan>> plans_;  ///< by graph
  std::size_t workspace_bytes_ = 0;
  DeviceMemory header_, labels_, metrics_, entries_;
  bool has_labels_ = false;
  const EngineMemory* memory_ = nullptr;
  std::vector<Segment> segments_;
  std::vector<std::unique_ptr<Descriptor>> variant_packs_;  ///< by step; null where it has no plan

  struct DestroyGraph {
    void operator()(cudaGraphExec_t graph) const { cudaGraphExecDestroy(graph); }
  };
  struct Recording {
    int runs = 0;
    std::unique_ptr<CUgraphExec_st, DestroyGraph> graph;
  };
  std::vector<Recording> recordings_;  ///< by segment
  std::vector<WorkingParameter> layout_;
};

}  // namespace resnext::net::cuda
