#include "net/cuda/memory_needs.h"

#include <algorithm>
#include <bit>

#include "net/cuda/device_program.h"
#include "net/cuda/weight_layout.h"

namespace resnext::net::cuda {
namespace {

/// Master weights; momentum, sharded over ranks; gradients, and the binary counter of their sums
/// (worker/replica_sum.h does the same on hosts).
std::size_t arena_bytes(const Graph& graph, const TrainingShape& shape) {
  const std::size_t arena = graph.parameter_count * sizeof(float);
  if (!shape.training) return arena;
  const auto levels = std::bit_width(static_cast<unsigned>(shape.local_batches - 1));
  const std::size_t received = shape.ranks > 1 ? arena : 0;
  return arena * (2 + std::size_t(levels)) + arena / std::size_t(shape.ranks) + received;
}

}  // namespace

MemoryNeeds memory_needs(const Graph& graph, const TrainingShape& shape, std::size_t workspace) {
  MemoryNeeds needs;
  const std::size_t images = std::size_t(shape.batch_size);
  needs.activations = lower(graph, shape.batch_size, shape.type, false).planned_bytes;
  if (shape.training) {
    needs.activations =
        std::max(needs.activations, lower(graph, shape.batch_size, shape.type, true).planned_bytes);
  }
  needs.weights = lay_out_weights(graph, shape.type).bytes + 3 * lay_out_statistics(graph).bytes;
  needs.arenas = arena_bytes(graph, shape);
  // Images to train on come as bytes; views to evaluate may come normalised.
  needs.staging = images * graph.input.count() * ((shape.training ? 2 : 0) + sizeof(float));
  needs.workspace = workspace;
  needs.libraries = kLibraryBytes;
  return needs;
}

int largest_batch(const Graph& graph, TrainingShape shape, std::size_t workspace,
                  std::size_t available) {
  const auto fits = [&](int batch) {
    shape.batch_size = batch;
    return memory_needs(graph, shape, workspace).total() <= available;
  };
  constexpr int kMost = 16384;
  int low = 0, high = 1;
  while (high <= kMost && fits(high)) {
    low = high;
    high *= 2;
  }
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

}  // namespace resnext::net::cuda
