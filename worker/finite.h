#pragma once
// Whether numbers are numbers.

#include <span>

namespace resnext::worker {

/// Whether none of the values is infinite or not a number. Reads them as fast as memory gives them.
bool all_finite(std::span<const float> values);

}  // namespace resnext::worker
