#pragma once
// Places buffers in one allocation so that buffers whose lifetimes do not meet share memory.

#include <cstddef>
#include <vector>

namespace resnext::net {

/// Index of a planned buffer.
using BufferId = int;

/// A cache line, and the widest vector.
inline constexpr std::size_t kBufferAlignment = 64;

class MemoryPlan {
 public:
  /// Every buffer starts at a multiple of `alignment` bytes.
  explicit MemoryPlan(std::size_t alignment = kBufferAlignment) : alignment_(alignment) {}

  /// Announces a buffer of `bytes`, first used at `time`.
  BufferId add(std::size_t bytes, int time);

  /// Extends the buffer's life to include `time`.
  void use(BufferId buffer, int time);

  /// Gives every buffer its offset: one after the other, each at the lowest free place, the largest
  /// first or those that live longest, whichever takes less memory.
  void place();

  int count() const { return static_cast<int>(buffers_.size()); }
  std::size_t offset(BufferId buffer) const { return buffers_[buffer].offset; }
  std::size_t bytes(BufferId buffer) const { return buffers_[buffer].bytes; }

  /// Length of the allocation that holds all buffers; known after place().
  std::size_t total_bytes() const { return total_bytes_; }

  /// Sum of all buffers' sizes: what separate allocations would take.
  std::size_t unshared_bytes() const;

 private:
  struct Buffer {
    std::size_t bytes = 0;
    int first = 0;
    int last = 0;
    std::size_t offset = 0;
  };
  std::size_t lowest_free_offset(const Buffer& buffer, const std::vector<int>& placed) const;
  /// Places all in that order; returns the memory's length.
  std::size_t place_in_order(const std::vector<int>& order);

  std::size_t alignment_;
  std::vector<Buffer> buffers_;
  std::size_t total_bytes_ = 0;
};

}  // namespace resnext::net
