#pragma once
// The seam between kinds of device. An engine holds a compiled network and its own working copy of
// the weights; parameters, gradients, momentum and running statistics belong to the caller, as flat
// arrays in the order of Graph (see Graph::parameters).

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/graph.h"
#include "net/precision.h"

namespace resnext::net {

/// Per-channel affine map from stored pixels to network inputs: (pixel / 255 - mean) / deviation.
/// Empty for an engine that is only given normalised images.
struct Normalisation {
  std::vector<float> mean;       ///< one per channel, in units of full intensity
  std::vector<float> deviation;  ///< one per channel
};

/// A batch of images; the memory is the caller's. Either `pixels`, which the engine normalises, or
/// `normalised`.
struct Batch {
  int size = 0;                          ///< N
  std::span<const std::uint8_t> pixels;  ///< N, H, W, C
  std::span<const std::int32_t> labels;  ///< N, each in [0, classes); may be empty in evaluate()
  std::span<const float> normalised{};   ///< N, C, H, W
  /// evaluate(): of the images, where that is another size than the graph's input; 0: the graph's.
  int height = 0, width = 0;
};

/// What one pass over a batch counts. Sums, not means, so that batches of any size can be added.
struct BatchMetrics {
  double loss_sum = 0;
  std::int64_t top1_correct = 0;
  std::int64_t top5_correct = 0;
  std::int64_t images = 0;
};

/// Called during the backward pass whenever a longer prefix of the gradient arena is final:
/// the first `ready` values will not be written again.
using GradientReady = std::function<void(std::size_t ready)>;

class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  /// Compiles programs ahead of use, so that shapes and memory are known before the first step.
  /// Batch sizes not announced here are compiled when first met.
  virtual void compile_training(int batch_size) = 0;
  virtual void compile_inference(int batch_size) = 0;

  /// Announces new values in the canonical arena (`graph.parameter_count` values). The arena must
  /// stay in place, and unchanged during a pass except where `on_ready` has announced a gradient.
  virtual void set_parameters(std::span<const float> arena) = 0;

  /// Forward and backward of one replica. Writes d(loss_scale * loss sum)/d(parameter) over the
  /// whole of `gradients`, calling `on_ready` as prefixes become final. Batch-norm uses the batch's
  /// own statistics; when `statistics` is not empty, running mean and (unbiased) variance there are
  /// moved by kBatchNormMomentum.
  virtual BatchMetrics train(const Batch& batch, float loss_scale, std::span<float> gradients,
                             std::span<float> statistics, const GradientReady& on_ready) = 0;

  /// Forward with running statistics. Fills `logits` (N, classes) unless it is empty. Metrics are
  /// of the plain cross-entropy, whatever the graph's label smoothing. Images may be of any size
  /// that the network's strides allow (Batch::height): the first of a size takes a compilation, and
  /// only some sizes are kept.
  virtual BatchMetrics evaluate(const Batch& batch, std::span<const float> statistics,
                                std::span<float> logits) = 0;

  /// Bytes of activations, workspaces and working weights, all programs together.
  virtual std::size_t memory_bytes() const = 0;
};

/// The CPU engine (net/cpu): own kernels on `threads` OpenMP threads. With `precision` kBf16,
/// activations and their gradients are held in bf16, and weights are rounded to it; sums are fp32.
/// The same batch, parameters and thread count always give the same bits.
std::unique_ptr<Engine> make_cpu_engine(const Graph& graph, const Normalisation& normalisation,
                                        int threads, Precision precision = Precision::kFp32);

/// What the CPU engine computes with, e.g. "avx512 kernels": part of what a result depends on.
std::string cpu_engine_version();

}  // namespace resnext::net
