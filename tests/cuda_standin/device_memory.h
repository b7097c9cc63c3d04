#pragma once
// Memory of the stand-in GPUs and pinned memory of the host: real memory whose bounds are known,
// filled with poison, with a guard behind each allocation.

#include <cstddef>
#include <map>
#include <mutex>

namespace resnext::standin {

class DeviceMemory {
 public:
  /// Null where the device has less left than that.
  void* allocate(int device, std::size_t bytes);
  /// False if `start` is no allocation. Aborts where its guard was overwritten.
  bool release(void* start);
  bool contains(const void* start, std::size_t bytes) const;
  std::size_t used(int device) const;
  /// Aborts, naming the allocation, where somebody wrote behind the end of one.
  void check_guards() const;

 private:
  struct Block {
    std::size_t bytes = 0;
    int device = 0;
  };
  mutable std::mutex mutex_;
  std::map<const char*, Block> blocks_;
};

class PinnedMemory {
 public:
  void* allocate(std::size_t bytes);
  bool release(void* start);
  void add(const void* start, std::size_t bytes);  ///< memory of the caller's
  bool remove(const void* start);
  bool contains(const void* start) const;

 private:
  mutable std::mutex mutex_;
  std::map<const char*, std::size_t> blocks_;
};

DeviceMemory& device_memory();
PinnedMemory& pinned_memory();

}  // namespace resnext::standin
