#include "tests/net/allocation_watch.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>

// glibc's own entry points, for replacements of malloc.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

std::atomic<bool> watching = false;
std::atomic<std::size_t> count = 0, bytes = 0, largest = 0;

void note(std::size_t size) {
  if (!watching) return;
  ++count;
  bytes += size;
  std::size_t seen = largest;
  while (seen < size && !largest.compare_exchange_weak(seen, size)) {
  }
}

}  // namespace

extern "C" {

void* malloc(std::size_t size) noexcept {
  note(size);
  return __libc_malloc(size);
}

void* calloc(std::size_t items, std::size_t size) noexcept {
  note(items * size);
  return __libc_calloc(items, size);
}

void* realloc(void* memory, std::size_t size) noexcept {
  note(size);
  return __libc_realloc(memory, size);
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  note(size);
  return __libc_memalign(alignment, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  note(size);
  return __libc_memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  note(size);
  *memory = __libc_memalign(alignment, size);
  return *memory == nullptr ? ENOMEM : 0;
}

}  // extern "C"

namespace resnext::net {

void watch_allocations() {
  count = bytes = largest = 0;
  watching = true;
}

Allocations watched_allocations() {
  watching = false;
  return {count, bytes, largest};
}

}  // namespace resnext::net
