// Runs a grid on the host: plain loops, or a fiber for each thread of a block. Linked into each
// library of host kernels, beside them: their __shared__ variables are its thread-local storage.

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include <dlfcn.h>
#include <link.h>
#include <ucontext.h>

#include "tests/cuda_standin/hostcuda.h"

namespace resnext::standin {
namespace {

constexpr std::size_t kStackBytes = 128 << 10;
constexpr unsigned kWarp = 32;

[[noreturn]] void fail(const char* kernel, const char* why) {
  std::fprintf(stderr, "[standin] kernel %s: %s\n", kernel, why);
  std::abort();
}

/// So that the segment exists, however kernels are written.
thread_local char own_shared_byte;

struct Segment {
  std::uintptr_t inside = 0;  ///< an address of the library
  void* start = nullptr;
  std::size_t bytes = 0;
};

int find_segment(dl_phdr_info* library, std::size_t, void* result) {
  auto& segment = *static_cast<Segment*>(result);
  const ElfW(Phdr)* storage = nullptr;
  bool ours = false;
  for (int i = 0; i < library->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = library->dlpi_phdr[i];
    const std::uintptr_t start = library->dlpi_addr + header.p_vaddr;
    if (header.p_type == PT_TLS) storage = &header;
    ours |= header.p_type == PT_LOAD && segment.inside - start < header.p_memsz;
  }
  if (!ours) return 0;
  segment.start = library->dlpi_tls_data;
  segment.bytes = storage != nullptr ? storage->p_memsz : 0;
  return 1;
}

/// A block may rely on nothing that an earlier one has left.
void poison_shared_memory() {
  own_shared_byte = 0;  // makes this thread's segment, if it was not there
  Segment segment;
  segment.inside = reinterpret_cast<std::uintptr_t>(&fail);
  dl_iterate_phdr(find_segment, &segment);
  std::memset(segment.start, kPoison, segment.bytes);
}

struct Fiber {
  enum class State { kReady, kAtBlockBarrier, kAtWarpBarrier, kReturned };
  State state = State::kReady;
  bool started = false;
  uint3 thread{};
  ucontext_t first_context{};
  jmp_buf resume_point{};
  std::vector<char> stack = std::vector<char>(kStackBytes);
  char value[16] = {};
};

/// One block's threads. Switched by setjmp: swapcontext alone asks the kernel each time.
class FiberBlock {
 public:
  void run(const char* kernel, unsigned threads, dim3 block, const std::function<void()>& body);
  void wait(Fiber::State state);
  Fiber& current() { return fibers_[current_]; }
  Fiber* in_warp(unsigned lane);
  unsigned current_lane() const { return current_ % kWarp; }
  bool running() const { return running_; }

 private:
  static void entry();
  void resume(unsigned index);
  bool release(unsigned from, unsigned to, Fiber::State state);

  std::vector<Fiber> fibers_;
  unsigned threads_ = 0, current_ = 0;
  const std::function<void()>* body_ = nullptr;
  jmp_buf scheduler_point_{};
  std::mt19937 random_{1};
  bool running_ = false;
};

FiberBlock& fiber_block() {
  static auto* const instance = new FiberBlock;
  return *instance;
}

void FiberBlock::entry() {
  FiberBlock& block = fiber_block();
  (*block.body_)();
  block.current().state = Fiber::State::kReturned;
  _longjmp(block.scheduler_point_, 1);
}

void FiberBlock::resume(unsigned index) {
  current_ = index;
  Fiber& fiber = fibers_[index];
  position.thread = fiber.thread;
  if (_setjmp(scheduler_point_) != 0) return;
  if (fiber.started) _longjmp(fiber.resume_point, 1);
  fiber.started = true;
  setcontext(&fiber.first_context);
}

void FiberBlock::wait(Fiber::State state) {
  Fiber& fiber = current();
  fiber.state = state;
  if (_setjmp(fiber.resume_point) == 0) _longjmp(scheduler_point_, 1);
}

Fiber* FiberBlock::in_warp(unsigned lane) {
  const unsigned index = current_ / kWarp * kWarp + lane;
  return index < threads_ ? &fibers_[index] : nullptr;
}

/// Lets threads go on if all of [from, to) that have not returned have come to the barrier.
bool FiberBlock::release(unsigned from, unsigned to, Fiber::State state) {
  bool waiting = false;
  for (unsigned i = from; i < to; ++i) {
    if (fibers_[i].state == state) {
      waiting = true;
    } else if (fibers_[i].state != Fiber::State::kReturned) {
      return false;
    }
  }
  for (unsigned i = from; waiting && i < to; ++i) {
    if (fibers_[i].state == state) fibers_[i].state = Fiber::State::kReady;
  }
  return waiting;
}

void FiberBlock::run(const char* kernel, unsigned threads, dim3 block,
                     const std::function<void()>& body) {
  if (fibers_.size() < threads) fibers_.resize(threads);
  threads_ = threads;
  body_ = &body;
  running_ = true;
  for (unsigned i = 0; i < threads; ++i) {
    Fiber& fiber = fibers_[i];
    fiber.state = Fiber::State::kReady;
    fiber.started = false;
    fiber.thread = {i % block.x, i / block.x % block.y, i / (block.x * block.y)};
    getcontext(&fiber.first_context);
    fiber.first_context.uc_stack.ss_sp = fiber.stack.data();
    fiber.first_context.uc_stack.ss_size = fiber.stack.size();
    fiber.first_context.uc_link = nullptr;
    makecontext(&fiber.first_context, &FiberBlock::entry, 0);
  }
  for (bool moved = true; moved;) {
    moved = false;
    const unsigned first = static_cast<unsigned>(random_()) % threads;
    for (unsigned i = 0; i < threads; ++i) {
      const unsigned index = (first + i) % threads;
      if (fibers_[index].state != Fiber::State::kReady) continue;
      resume(index);
      moved = true;
    }
    for (unsigned warp = 0; warp < threads; warp += kWarp) {
      moved |= release(warp, std::min(warp + kWarp, threads), Fiber::State::kAtWarpBarrier);
    }
    moved |= release(0, threads, Fiber::State::kAtBlockBarrier);
  }
  running_ = false;
  for (unsigned i = 0; i < threads; ++i) {
    if (fibers_[i].state != Fiber::State::kReturned) {
      fail(kernel, "divergent barrier: some of its threads wait where others never come");
    }
  }
}

/// Of the kernel that runs, for errors.
const char* current_kernel = "";

void check_fibers() {
  if (!fiber_block().running()) {
    fail(current_kernel, "has a barrier or shuffle: register it with HOST_KERNEL_WITH_BARRIERS");
  }
}

void run_loop(dim3 block, const std::function<void()>& body) {
  for (unsigned z = 0; z < block.z; ++z) {
    for (unsigned y = 0; y < block.y; ++y) {
      for (unsigned x = 0; x < block.x; ++x) {
        position.thread = {x, y, z};
        body();
      }
    }
  }
}

}  // namespace

void block_barrier() {
  check_fibers();
  fiber_block().wait(Fiber::State::kAtBlockBarrier);
}

unsigned lane() {
  check_fibers();
  return fiber_block().current_lane();
}

void exchange_in_warp(void* value, std::size_t bytes, unsigned source) {
  check_fibers();
  FiberBlock& block = fiber_block();
  std::memcpy(block.current().value, value, bytes);
  block.wait(Fiber::State::kAtWarpBarrier);
  const Fiber* other = block.in_warp(source);
  if (other != nullptr && other->state != Fiber::State::kReturned) {
    std::memcpy(value, other->value, bytes);
  }
  block.wait(Fiber::State::kAtWarpBarrier);
}

void run_grid(const char* kernel, Threads threads, dim3 grid, dim3 block, std::size_t shared_bytes,
              const std::function<void()>& body) {
  if (shared_bytes > kMostSharedBytes) fail(kernel, "more shared memory than a GPU has");
  current_kernel = kernel;
  position.grid_size = grid;
  position.block_size = block;
  for (unsigned z = 0; z < grid.z; ++z) {
    for (unsigned y = 0; y < grid.y; ++y) {
      for (unsigned x = 0; x < grid.x; ++x) {
        position.block = {x, y, z};
        if (threads == Threads::kLoop) {
          run_loop(block, body);
        } else {
          poison_shared_memory();
          fiber_block().run(kernel, block.x * block.y * block.z, block, body);
        }
      }
    }
  }
}

std::string symbol_at(const void* address) {
  Dl_info info{};
  if (dladdr(address, &info) == 0 || info.dli_sname == nullptr || info.dli_saddr != address) {
    fail("?", "not exported; kernels must not be static nor in an unnamed namespace");
  }
  return info.dli_sname;
}

}  // namespace resnext::standin
