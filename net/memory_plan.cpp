#include "net/memory_plan.h"

#include <algorithm>
#include <numeric>

namespace resnext::net {

BufferId MemoryPlan::add(std::size_t bytes, int time) {
  const std::size_t rounded = (bytes + alignment_ - 1) / alignment_ * alignment_;
  buffers_.push_back({rounded, time, time, 0});
  return static_cast<BufferId>(buffers_.size()) - 1;
}

void MemoryPlan::use(BufferId buffer, int time) {
  Buffer& entry = buffers_[buffer];
  entry.first = std::min(entry.first, time);
  entry.last = std::max(entry.last, time);
}

std::size_t MemoryPlan::lowest_free_offset(const Buffer& buffer,
                                           const std::vector<int>& placed) const {
  std::size_t offset = 0;
  for (const int other_id : placed) {  // in order of offset
    const Buffer& other = buffers_[other_id];
    const bool alive_together = other.first <= buffer.last && buffer.first <= other.last;
    if (!alive_together) continue;
    if (other.offset >= offset + buffer.bytes) break;
    offset = std::max(offset, other.offset + other.bytes);
  }
  return offset;
}

std::size_t MemoryPlan::place_in_order(const std::vector<int>& order) {
  std::vector<int> placed;
  std::size_t total = 0;
  for (const int id : order) {
    Buffer& buffer = buffers_[id];
    buffer.offset = lowest_free_offset(buffer, placed);
    total = std::max(total, buffer.offset + buffer.bytes);
    const auto after = std::upper_bound(
        placed.begin(), placed.end(), buffer.offset,
        [&](std::size_t offset, int other) { return offset < buffers_[other].offset; });
    placed.insert(after, id);
  }
  return total;
}

void MemoryPlan::place() {
  const auto lifetime = [](const Buffer& buffer) { return buffer.last - buffer.first; };
  std::vector<int> largest(buffers_.size());
  std::iota(largest.begin(), largest.end(), 0);
  std::stable_sort(largest.begin(), largest.end(),
                   [&](int a, int b) { return buffers_[a].bytes > buffers_[b].bytes; });
  std::vector<int> longest = largest;
  std::stable_sort(longest.begin(), longest.end(),
                   [&](int a, int b) { return lifetime(buffers_[a]) > lifetime(buffers_[b]); });
  total_bytes_ = place_in_order(largest);
  const std::size_t other = place_in_order(longest);
  if (other > total_bytes_) place_in_order(largest);
  total_bytes_ = std::min(total_bytes_, other);
}

std::size_t MemoryPlan::unshared_bytes() const {
  std::size_t sum = 0;
  for (const Buffer& buffer : buffers_) sum += buffer.bytes;
  return sum;
}

}  // namespace resnext::net
