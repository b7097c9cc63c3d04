#pragma once
// What every engine requires of a batch before it computes.

#include "net/engine.h"

namespace resnext::net {

/// Whether the images are of the graph's own size.
bool has_own_size(const Graph& graph, const Batch& batch);

/// Throws std::invalid_argument where sizes do not fit or a label is out of range: labels index the
/// logits, so one such must not get that far.
void check_batch(const Graph& graph, const Batch& batch, bool training);

}  // namespace resnext::net
