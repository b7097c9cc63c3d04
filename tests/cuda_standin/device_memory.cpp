#include "tests/cuda_standin/device_memory.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/cuda_standin/configuration.h"
#include "tests/cuda_standin/standin.h"

namespace resnext::standin {
namespace {

constexpr std::size_t kAlignment = 256;  // as cudaMalloc promises
constexpr std::size_t kGuardBytes = 256;
constexpr unsigned char kGuard = 0xCB;

void* aligned_memory(std::size_t bytes) {
  void* start = nullptr;
  if (posix_memalign(&start, kAlignment, std::max<std::size_t>(bytes, 1)) != 0) return nullptr;
  std::memset(start, kPoison, bytes);
  return start;
}

void check_guard(const char* start, std::size_t bytes) {
  for (std::size_t i = 0; i < kGuardBytes; ++i) {
    if (static_cast<unsigned char>(start[bytes + i]) == kGuard) continue;
    std::fprintf(stderr, "[standin] something wrote %zu bytes behind %zu bytes of device memory\n",
                 i, bytes);
    std::abort();
  }
}

}  // namespace

void* DeviceMemory::allocate(int device, std::size_t bytes) {
  const std::size_t taken = used(device);
  const std::size_t libraries = taken == 0 ? configuration().library_bytes : 0;
  if (bytes + libraries > configuration().memory_bytes - taken) return nullptr;
  void* start = aligned_memory(bytes + kGuardBytes);
  if (start == nullptr) return nullptr;
  std::memset(static_cast<char*>(start) + bytes, kGuard, kGuardBytes);
  const std::lock_guard lock(mutex_);
  blocks_[static_cast<const char*>(start)] = {bytes, device};
  return start;
}

bool DeviceMemory::release(void* start) {
  const std::lock_guard lock(mutex_);
  const auto found = blocks_.find(static_cast<const char*>(start));
  if (found == blocks_.end()) return false;
  check_guard(found->first, found->second.bytes);
  blocks_.erase(found);
  std::free(start);
  return true;
}

bool DeviceMemory::contains(const void* start, std::size_t bytes) const {
  const std::lock_guard lock(mutex_);
  const char* first = static_cast<const char*>(start);
  auto found = blocks_.upper_bound(first);
  if (found == blocks_.begin()) return false;
  --found;
  const auto offset = static_cast<std::size_t>(first - found->first);
  return offset <= found->second.bytes && bytes <= found->second.bytes - offset;
}

std::size_t DeviceMemory::used(int device) const {
  const std::lock_guard lock(mutex_);
  std::size_t sum = 0;
  for (const auto& [start, block] : blocks_) sum += block.device == device ? block.bytes : 0;
  return sum == 0 ? 0 : sum + configuration().library_bytes;
}

void DeviceMemory::check_guards() const {
  const std::lock_guard lock(mutex_);
  for (const auto& [start, block] : blocks_) check_guard(start, block.bytes);
}

void* PinnedMemory::allocate(std::size_t bytes) {
  void* start = aligned_memory(bytes);
  if (start != nullptr) add(start, bytes);
  return start;
}

bool PinnedMemory::release(void* start) {
  if (!remove(start)) return false;
  std::free(start);
  return true;
}

void PinnedMemory::add(const void* start, std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  blocks_[static_cast<const char*>(start)] = bytes;
}

bool PinnedMemory::remove(const void* start) {
  const std::lock_guard lock(mutex_);
  return blocks_.erase(static_cast<const char*>(start)) != 0;
}

bool PinnedMemory::contains(const void* start) const {
  const std::lock_guard lock(mutex_);
  const char* first = static_cast<const char*>(start);
  auto found = blocks_.upper_bound(first);
  if (found == blocks_.begin()) return false;
  --found;
  return first < found->first + found->second;
}

DeviceMemory& device_memory() {
  static auto* const instance = new DeviceMemory;  // outlives whatever frees memory at exit
  return *instance;
}

PinnedMemory& pinned_memory() {
  static auto* const instance = new PinnedMemory;
  return *instance;
}

bool in_device_memory(const void* start, std::size_t bytes) {
  return device_memory().contains(start, bytes);
}

}  // namespace resnext::standin
