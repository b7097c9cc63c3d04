#include "net/cpu/reordering.h"

#include <stdexcept>

#include <fmt/format.h>

namespace resnext::net::cpu {

SourceReordering::SourceReordering(Builder& builder, int node, const dnnl::memory::desc& wanted)
    : stored_(builder.read(node)), wanted_(wanted), buffer_(stored_.buffer) {
  needed_ = stored_.descriptor != wanted;
  if (!needed_) return;
  buffer_ = builder.add_buffer(wanted);
  reorder_ = dnnl::reorder(
      dnnl::reorder::primitive_desc(builder.engine, stored_.descriptor, builder.engine, wanted));
}

void SourceReordering::bind(const Placement& placement, const dnnl::engine& engine) {
  memory_ = placement.memory(wanted_, engine, buffer_);
  if (needed_) stored_memory_ = placement.memory(stored_.descriptor, engine, stored_.buffer);
}

void SourceReordering::forward(Run& run) {
  if (needed_) reorder_.execute(run.stream, stored_memory_, memory_);
}

GradientReordering::GradientReordering(Builder& builder, int node,
                                       const dnnl::memory::desc& computed)
    : GradientReordering(builder, node, computed, builder.add_buffer(computed)) {}

GradientReordering::GradientReordering(Builder& builder, int node,
                                       const dnnl::memory::desc& computed, BufferId buffer)
    : computed_(computed), stored_(builder.values[node].descriptor), buffer_(buffer) {
  builder.use(buffer_);
  needed_ = stored_ != computed_;
  stored_buffer_ = needed_ ? builder.add_buffer(stored_) : buffer_;
  if (needed_) {
    reorder_ = dnnl::reorder(
        dnnl::reorder::primitive_desc(builder.engine, computed_, builder.engine, stored_));
  }
  builder.gradients[node].push_back(stored_buffer_);
}

void GradientReordering::bind(const Placement& placement, const dnnl::engine& engine) {
  memory_ = placement.memory(computed_, engine, buffer_);
  if (needed_) stored_memory_ = placement.memory(stored_, engine, stored_buffer_);
}

void GradientReordering::backward(Run& run) {
  if (needed_) reorder_.execute(run.stream, memory_, stored_memory_);
}

GradientSum::GradientSum(Builder& builder, int node, int on_the_fly)
    : parts_(builder.gradients[node]),
      count_(builder.values[node].descriptor.get_size() / sizeof(float)),
      on_the_fly_(on_the_fly),
      kernels_(&vector_kernels()) {
  if (parts_.empty()) {
    throw std::logic_error(fmt::format("node {} has no gradient: nothing leads from it to a loss",
                                       builder.graph.nodes[node].name));
  }
  for (const BufferId part : parts_) builder.use(part);
}

void GradientSum::bind(const Placement& placement) {
  pointers_.clear();
  for (const BufferId part : parts_) pointers_.push_back(placement.floats(part));
}

void GradientSum::run() {
  for (std::size_t i = static_cast<std::size_t>(on_the_fly_); i < pointers_.size(); ++i) {
    kernels_->accumulate(pointers_.front(), pointers_[i], count_);
  }
}

}  // namespace resnext::net::cpu
