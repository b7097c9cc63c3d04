#pragma once
// What programs call their streams, events and stretches of time by way of NVTX, as profilers see
// it.

#include <string>

namespace resnext::standin {

/// The innermost range that this thread is in; empty: none, or one without a plain name.
std::string present_range();

}  // namespace resnext::standin
