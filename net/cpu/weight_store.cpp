#include "net/cpu/weight_store.h"

#include <algorithm>

namespace resnext::net::cpu {

const dnnl::memory& WeightStore::copy(int parameter, const GroupedWeights& weights,
                                      const dnnl::memory::desc& descriptor) {
  for (const Copy& existing : copies_) {
    if (existing.parameter == parameter && existing.memory.get_desc() == descriptor) {
      return existing.memory;
    }
  }
  Copy& added = copies_.emplace_back();
  added.parameter = parameter;
  added.weights = weights;
  added.plain = dnnl::memory(weights.plain_descriptor(), engine_, nullptr);
  added.memory = dnnl::memory(descriptor, engine_);
  added.reorder = dnnl::reorder(
      dnnl::reorder::primitive_desc(engine_, weights.plain_descriptor(), engine_, descriptor));
  if (weights.merged > 1) merged_.resize(std::max(merged_.size(), weights.merged_count()));
  return added.memory;
}

void WeightStore::set_arena(std::span<const float> arena) {
  arena_ = arena;
  ++version_;
}

void WeightStore::refresh(dnnl::stream& stream) {
  for (Copy& copy : copies_) {
    if (copy.version == version_) continue;
    const Parameter& parameter = graph_.parameters[copy.parameter];
    const std::span<const float> canonical = arena_.subspan(parameter.offset, parameter.count);
    const float* source = canonical.data();
    if (copy.weights.merged > 1) {
      copy.weights.expand(canonical, std::span(merged_).first(copy.weights.merged_count()));
      source = merged_.data();
    }
    // oneDNN takes sources as non-const pointers but only reads them.
    copy.plain.set_data_handle(const_cast<float*>(source));
    copy.reorder.execute(stream, copy.plain, copy.memory);
    stream.wait();
    copy.version = version_;
  }
}

std::size_t WeightStore::memory_bytes() const {
  std::size_t bytes = merged_.size() * sizeof(float);
  for (const Copy& copy : copies_) bytes += copy.memory.get_desc().get_size();
  return bytes;
}

}  // namespace resnext::net::cpu
