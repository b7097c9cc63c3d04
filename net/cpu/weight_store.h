#pragma once
// The engine's working copies of convolution weights, in the layouts that the primitives chose.
// Copies are shared between programs and passes that want the same layout.

#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include <dnnl.hpp>

#include "net/cpu/grouped_weights.h"

namespace resnext::net::cpu {

class WeightStore {
 public:
  WeightStore(const Graph& graph, const dnnl::engine& engine) : graph_(graph), engine_(engine) {}

  /// The copy of parameter `parameter` in `descriptor`, made when first asked for. The reference
  /// lives as long as the store.
  const dnnl::memory& copy(int parameter, const GroupedWeights& weights,
                           const dnnl::memory::desc& descriptor);

  /// Announces new values; copies follow at the next refresh().
  void set_arena(std::span<const float> arena);
  std::span<const float> arena() const { return arena_; }

  /// Brings all copies up to date with the arena.
  void refresh(dnnl::stream& stream);

  std::size_t memory_bytes() const;

 private:
  struct Copy {
    int parameter = 0;
    GroupedWeights weights;
    dnnl::memory plain;  ///< row-major source of the reorder, wherever that lies at the time
    dnnl::memory memory;
    dnnl::reorder reorder;  ///< from row-major
    std::uint64_t version = 0;
  };

  const Graph& graph_;
  const dnnl::engine& engine_;
  std::span<const float> arena_;
  std::uint64_t version_ = 1;
  std::deque<Copy> copies_;
  std::vector<float> merged_;  ///< one parameter with its groups merged, while it is reordered
};

}  // namespace resnext::net::cpu
