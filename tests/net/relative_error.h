#pragma once
// How far two lists of numbers are apart, relative to the largest of the expected ones.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace resnext::net {

/// max |actual - expected| / max |expected|; infinite where sizes differ or a value is not finite.
/// Both must be ranges of numbers with size() and operator[].
template <typename Actual, typename Expected>
double relative_error(const Actual& actual, const Expected& expected) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (actual.size() != expected.size()) return kInfinite;
  double difference = 0, largest = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double a = actual[i], e = expected[i];
    if (!std::isfinite(a) || !std::isfinite(e)) return kInfinite;
    difference = std::max(difference, std::abs(a - e));
    largest = std::max(largest, std::abs(e));
  }
  return difference == 0 ? 0 : difference / largest;
}

}  // namespace resnext::net
