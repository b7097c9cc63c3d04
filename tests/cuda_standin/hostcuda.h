#pragma once
// Lets g++ compile __global__ functions for the host. Include this, then the kernels, then register
// each with HOST_KERNEL or HOST_KERNEL_WITH_BARRIERS. Threads of a block run one after another, or
// as fibers, so that __syncthreads and warp shuffles work; blocks run in order.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include <cuda_bf16.h>
#include <cuda_runtime_api.h>

#include "tests/cuda_standin/standin.h"

namespace resnext::standin {

struct ThreadPosition {
  uint3 thread{}, block{};
  dim3 block_size, grid_size;
};
inline ThreadPosition position;  // of the GPU thread that runs; only one does at any time

enum class Threads { kLoop, kFibers };

/// Runs `body` once for each thread of the grid. Aborts where threads of a block, or of a warp,
/// wait at different barriers for ever.
void run_grid(const char* kernel, Threads threads, dim3 grid, dim3 block, std::size_t shared_bytes,
              const std::function<void()>& body);

/// Waits for all threads of the block that have not returned.
void block_barrier();
/// Gives the value of lane `source` of this warp; a lane that has returned: this lane's own.
void exchange_in_warp(void* value, std::size_t bytes, unsigned source);
unsigned lane();

/// The name of the function at this address; aborts if it is not exported.
std::string symbol_at(const void* address);

/// The memory that a kernel sees as its dynamic shared memory.
inline constexpr std::size_t kMostSharedBytes = 232448;

template <typename... Arguments>
Binder bind_kernel(void (*kernel)(Arguments...), const std::string& name, Threads threads) {
  return [kernel, name, threads](void** given) -> Launch {
    auto values = std::make_shared<std::tuple<std::decay_t<Arguments>...>>();
    std::size_t i = 0;
    std::apply([&](auto&... value) { (std::memcpy(&value, given[i++], sizeof value), ...); },
               *values);
    return [kernel, name, threads, values](dim3 grid, dim3 block, std::size_t shared_bytes) {
      run_grid(name.c_str(), threads, grid, block, shared_bytes,
               [&] { std::apply(kernel, *values); });
    };
  };
}

template <typename... Arguments>
bool register_host_kernel(void (*kernel)(Arguments...), Threads threads) {
  const std::string name = symbol_at(reinterpret_cast<const void*>(kernel));
  register_kernel(name, bind_kernel(kernel, name, threads));
  return true;
}

template <typename Value>
Value exchanged(Value value, unsigned source) {
  exchange_in_warp(&value, sizeof value, source);
  return value;
}

}  // namespace resnext::standin

// A kernel without barriers, or with __syncthreads and warp shuffles (slower). Of a template, name
// one instance: HOST_KERNEL(cast<float, int>).
#define STANDIN_JOIN_(a, b) a##b
#define STANDIN_JOIN(a, b) STANDIN_JOIN_(a, b)
#define STANDIN_REGISTER(threads, ...)                                         \
  [[maybe_unused]] static const bool STANDIN_JOIN(host_kernel_, __COUNTER__) = \
      resnext::standin::register_host_kernel(&__VA_ARGS__, threads)
#define HOST_KERNEL(...) STANDIN_REGISTER(resnext::standin::Threads::kLoop, __VA_ARGS__)
#define HOST_KERNEL_WITH_BARRIERS(...) \
  STANDIN_REGISTER(resnext::standin::Threads::kFibers, __VA_ARGS__)

// Defines what kernels declare as `extern __shared__ TYPE NAME[]`; in their namespace.
#define HOST_DYNAMIC_SHARED(type, name) \
  alignas(16) thread_local type name[resnext::standin::kMostSharedBytes / sizeof(type)]

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __forceinline__
#undef __launch_bounds__
#define __global__
#define __device__
#define __host__
// Storage of its own segment, which is poisoned before each block.
#define __shared__ thread_local
#define __constant__ static const
#define __forceinline__ inline
#define __launch_bounds__(...)
#define threadIdx resnext::standin::position.thread
#define blockIdx resnext::standin::position.block
#define blockDim resnext::standin::position.block_size
#define gridDim resnext::standin::position.grid_size
#define warpSize 32

inline void __syncthreads() {
  resnext::standin::block_barrier();
}

template <typename Value>
Value __shfl_xor_sync(unsigned, Value value, int mask, int = 32) {
  return resnext::standin::exchanged(value, resnext::standin::lane() ^ unsigned(mask));
}

/// Lanes whose source lies outside the warp keep their own value, as on a GPU.
template <typename Value>
Value __shfl_down_sync(unsigned, Value value, unsigned delta, int = 32) {
  const unsigned source = resnext::standin::lane() + delta;
  return resnext::standin::exchanged(value, source < 32 ? source : resnext::standin::lane());
}

template <typename Value>
Value __shfl_sync(unsigned, Value value, int source, int = 32) {
  return resnext::standin::exchanged(value, unsigned(source) & 31U);
}

inline void __syncwarp(unsigned = 0xffffffffU) {
  int nothing = 0;
  resnext::standin::exchange_in_warp(&nothing, sizeof nothing, resnext::standin::lane());
}

// One thread runs at a time, and stops at barriers only.
template <typename Value>
Value atomicAdd(Value* address, std::type_identity_t<Value> amount) {
  return std::exchange(*address, *address + amount);
}

template <typename Value>
Value atomicMax(Value* address, std::type_identity_t<Value> other) {
  return std::exchange(*address, std::max(*address, other));
}

template <typename Value>
Value __ldg(const Value* address) {
  return *address;
}

inline void __threadfence() {}
inline float rsqrtf(float x) {
  return 1.0F / std::sqrt(x);
}
inline double rsqrt(double x) {
  return 1.0 / std::sqrt(x);
}
inline float __expf(float x) {
  return std::exp(x);
}
inline float __logf(float x) {
  return std::log(x);
}
inline float __fadd_rn(float a, float b) {
  return a + b;
}
inline float __fmul_rn(float a, float b) {
  return a * b;
}
inline float __fsub_rn(float a, float b) {
  return a - b;
}
inline float __fdiv_rn(float a, float b) {
  return a / b;
}
inline float __fmaf_rn(float a, float b, float c) {
  return std::fma(a, b, c);
}
inline float __fsqrt_rn(float x) {
  return std::sqrt(x);
}

inline int __float_as_int(float x) {
  int bits = 0;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}

inline float __int_as_float(int bits) {
  float x = 0;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline unsigned __float_as_uint(float x) {
  return unsigned(__float_as_int(x));
}
inline float __uint_as_float(unsigned bits) {
  return __int_as_float(int(bits));
}
template <typename A, typename B>
auto min(A a, B b) {
  return std::min<std::common_type_t<A, B>>(a, b);
}
template <typename A, typename B>
auto max(A a, B b) {
  return std::max<std::common_type_t<A, B>>(a, b);
}
