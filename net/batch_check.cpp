#include "net/batch_check.h"

#include <stdexcept>

#include <fmt/format.h>

namespace resnext::net {
namespace {

void check_labels(const Graph& graph, const Batch& batch) {
  for (std::size_t n = 0; n < batch.labels.size(); ++n) {
    if (batch.labels[n] >= 0 && batch.labels[n] < graph.classes) continue;
    throw std::invalid_argument(
        fmt::format("image {} of the batch has label {}, outside the model's {} classes", n,
                    batch.labels[n], graph.classes));
  }
}

}  // namespace

bool has_own_size(const Graph& graph, const Batch& batch) {
  const Shape& input = graph.input;
  return batch.height == 0 || (batch.height == input.height && batch.width == input.width);
}

void check_batch(const Graph& graph, const Batch& batch, bool training) {
  if (training && !has_own_size(graph, batch)) {
    throw std::invalid_argument(fmt::format("training takes images of {}x{}, not {}x{}",
                                            graph.input.height, graph.input.width, batch.height,
                                            batch.width));
  }
  Shape input = graph.input;
  if (!has_own_size(graph, batch)) input = {input.channels, batch.height, batch.width};
  const std::size_t values = static_cast<std::size_t>(batch.size) * input.count();
  const std::size_t given =
      batch.normalised.empty() ? batch.pixels.size() : batch.normalised.size();
  if (batch.size < 1 || given != values) {
    throw std::invalid_argument(fmt::format(
        "a batch of {} images should have {} pixel values, not {}", batch.size, values, given));
  }
  const bool unlabelled = !training && batch.labels.empty();
  if (!unlabelled && batch.labels.size() != static_cast<std::size_t>(batch.size)) {
    throw std::invalid_argument(
        fmt::format("a batch of {} images should have as many labels, not {}", batch.size,
                    batch.labels.size()));
  }
  check_labels(graph, batch);
}

}  // namespace resnext::net
