#pragma once
// What a run takes of a GPU's memory, known before it meets one.

#include <cstddef>
#include <span>

#include "net/cuda/tensor_graph.h"
#include "net/graph.h"

namespace resnext::net::cuda {

struct MemoryNeeds {
  std::size_t activations = 0;  ///< planned memory, which training and validation share
  std::size_t weights = 0;      ///< working copy
  std::size_t arenas = 0;       ///< fp32 master weights, momentum, gradients and their sums
  std::size_t staging = 0;      ///< batches of images: two to train on, one to validate
  std::size_t workspace = 0;    ///< of the plans
  std::size_t libraries = 0;    ///< CUDA's context, cuDNN and NCCL: an estimate

  std::size_t total() const {
    return activations + weights + arenas + staging + workspace + libraries;
  }
};

/// What CUDA, cuDNN and NCCL take for themselves: an estimate, seen on data-centre GPUs elsewhere.
inline constexpr std::size_t kLibraryBytes = std::size_t(1) << 30;

struct TrainingShape {
  int batch_size = 32;
  DataType type = DataType::kBf16;
  int local_batches = 1;  ///< micro-batches that a rank sums in a step
  int ranks = 1;
  bool training = true;  ///< or else evaluation alone
};

/// `workspace`: of the plans, if known.
MemoryNeeds memory_needs(const Graph& graph, const TrainingShape& shape, std::size_t workspace);

/// The largest batch whose needs are no more than `available` bytes; 0 where not even one fits.
int largest_batch(const Graph& graph, TrainingShape shape, std::size_t workspace,
                  std::size_t available);

}  // namespace resnext::net::cuda
