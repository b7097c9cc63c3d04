#pragma once
// The weights of convolutions and linear layers, and inference's working copies of them, in the
// order in which kernels take them. Copies are shared between programs that want the same order.

#include <cstdint>
#include <deque>
#include <span>

#include "net/cpu/aligned_vector.h"
#include "net/cpu/packed_weights.h"
#include "net/graph.h"

namespace resnext::net::cpu {

class WeightStore {
 public:
  WeightStore(const Graph& graph, int threads) : graph_(graph), threads_(threads) {}

  /// The copy of parameter `parameter`, made when first asked for. It stays in place as long as
  /// the store, and has its values after the next refresh().
  const float* copy(int parameter, const WeightPacking& packing);

  /// Announces new values; copies follow at the next refresh().
  void set_arena(std::span<const float> arena);
  std::span<const float> arena() const { return arena_; }
  std::span<const float> canonical(int parameter) const;

  /// Brings all copies up to date with the arena.
  void refresh();

  std::size_t memory_bytes() const;

 private:
  struct Copy {
    int parameter = 0;
    WeightPacking packing;
    AlignedVector<float> values;
    std::uint64_t version = 0;
  };

  const Graph& graph_;
  int threads_;
  std::span<const float> arena_;
  std::uint64_t version_ = 1;
  std::deque<Copy> copies_;
};

}  // namespace resnext::net::cpu
