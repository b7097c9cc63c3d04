#pragma once
// Grouped convolution with few channels a group is slow, or missing, in oneDNN (its
// backward-weights pass falls back to a reference loop at 4 channels a group). Merging m
// neighbouring groups into one of m times the channels, with zeros off the diagonal blocks,
// computes the same function (paper Figure 3: splitting is a constraint on a denser layer) on the
// fast path.

#include <span>

#include <dnnl.hpp>

#include "net/graph.h"

namespace resnext::net::cpu {

struct GroupedWeights {
  int groups = 1;             ///< the graph's cardinality
  int merged = 1;             ///< m: groups computed as one
  int outputs_per_group = 0;  ///< before merging
  int inputs_per_group = 0;
  int kernel = 1;

  int merged_groups() const { return groups / merged; }
  std::size_t canonical_count() const;
  std::size_t merged_count() const { return canonical_count() * merged; }

  /// Logical dimensions for oneDNN: (G, O/G, I/G, k, k), or (O, I, k, k) when one group is left.
  dnnl::memory::dims dims() const;
  /// Row-major descriptor of those dimensions.
  dnnl::memory::desc plain_descriptor() const;
  /// The descriptor that leaves the layout to oneDNN.
  dnnl::memory::desc any_descriptor() const;

  /// Canonical (O, I/groups, k, k) to merged, zeros off the diagonal blocks.
  void expand(std::span<const float> canonical, std::span<float> dense) const;
  /// The diagonal blocks of merged weights (or of their gradient) back to canonical.
  void extract(std::span<const float> dense, std::span<float> canonical) const;
};

/// The least m for which a merged group has whole vectors of `vector_channels` channels; 1 when
/// groups already have, and for plain convolutions. Falls back to 1 when no m divides the groups.
int groups_to_merge(int groups, int channels_per_group, int vector_channels);

/// Weights of a convolution node, with groups merged for vectors of 16 channels.
GroupedWeights grouped_weights(const Graph& graph, const Node& node);

}  // namespace resnext::net::cpu
