#pragma once
// Threads that begin at the same moment, so that what they do is done at the same time.

#include <functional>

namespace resnext::benchmark {

/// Seconds from the common start of `work` on `threads` threads to the end of the last one. The
/// argument of `work` is the thread's number.
double seconds_side_by_side(int threads, const std::function<void(int)>& work);

}  // namespace resnext::benchmark
