#pragma once
// How a layer's work is shared out: every thread its own contiguous part, always the same for a
// number of threads, so that sums come out the same.

#include <cstdint>

namespace resnext::net::cpu {

struct Share {
  int first = 0;
  int end = 0;
  int count() const { return end - first; }
};

/// Part `thread` of `threads` nearly equal parts of `total`.
inline Share share_of(int total, int thread, int threads) {
  const auto bound = [&](int part) {
    return static_cast<int>(std::int64_t(total) * part / threads);
  };
  return {bound(thread), bound(thread + 1)};
}

/// Runs body(thread) on every thread.
template <typename Body>
void on_each_thread(int threads, const Body& body) {
#pragma omp parallel for schedule(static, 1) num_threads(threads) if (threads > 1)
  for (int thread = 0; thread < threads; ++thread) body(thread);
}

}  // namespace resnext::net::cpu
