#include "net/cpu/weight_store.h"

namespace resnext::net::cpu {

const float* WeightStore::copy(int parameter, const WeightPacking& packing) {
  for (const Copy& existing : copies_) {
    if (existing.parameter == parameter && existing.packing.same_as(packing)) {
      return existing.values.data();
    }
  }
  Copy& added = copies_.emplace_back();
  added.parameter = parameter;
  added.packing = packing;
  added.values.resize(packing.count());
  return added.values.data();
}

void WeightStore::set_arena(std::span<const float> arena) {
  arena_ = arena;
  ++version_;
}

std::span<const float> WeightStore::canonical(int parameter) const {
  const Parameter& entry = graph_.parameters[parameter];
  return arena_.subspan(entry.offset, entry.count);
}

void WeightStore::refresh() {
  const int count = static_cast<int>(copies_.size());
#pragma omp parallel for schedule(dynamic) num_threads(threads_) if (threads_ > 1)
  for (int i = 0; i < count; ++i) {
    Copy& copy = copies_[i];
    if (copy.version == version_) continue;
    copy.packing.pack(canonical(copy.parameter), copy.values.data());
    copy.version = version_;
  }
}

std::size_t WeightStore::memory_bytes() const {
  std::size_t bytes = 0;
  for (const Copy& copy : copies_) bytes += copy.values.size() * sizeof(float);
  return bytes;
}

}  // namespace resnext::net::cpu
