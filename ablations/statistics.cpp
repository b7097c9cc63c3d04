#include "ablations/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace resnext::ablations {
namespace {

constexpr double kNothing = std::numeric_limits<double>::quiet_NaN();

/// Away from 0, which the recurrence divides by.
double kept_from_zero(double value) {
  constexpr double kTiny = 1e-300;
  return std::abs(value) < kTiny ? kTiny : value;
}

/// The continued fraction of the incomplete beta function, by Lentz's method.
double beta_fraction(double a, double b, double x) {
  double c = 1;
  double d = 1 / kept_from_zero(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m < 300; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / kept_from_zero(1 + even * d);
    c = kept_from_zero(1 + even / c);
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / kept_from_zero(1 + odd * d);
    c = kept_from_zero(1 + odd / c);
    value *= d * c;
    if (std::abs(d * c - 1) < 1e-15) break;
  }
  return value;
}

/// The regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

}  // namespace

Mean mean_of(std::span<const double> values) {
  const auto n = double(values.size());
  if (values.empty()) return {0, kNothing, kNothing};
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  if (values.size() < 2) return {1, mean, kNothing};
  double squares = 0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return {static_cast<int>(values.size()), mean, std::sqrt(squares / (n - 1) / n)};
}

int decimals_of(const Mean& mean) {
  const bool alone = mean.n < 2 || mean.standard_error == 0;
  const double shown = alone ? std::abs(mean.mean) / 100 : mean.standard_error;
  if (!(shown > 0)) return 2;
  return static_cast<int>(std::clamp(std::ceil(-std::log10(shown)), 2.0, 6.0));
}

std::optional<PairedTest> paired_test(std::span<const double> one, std::span<const double> other) {
  if (one.size() != other.size() || one.size() < 2) return std::nullopt;
  std::vector<double> differences;
  for (std::size_t i = 0; i < one.size(); ++i) differences.push_back(one[i] - other[i]);
  const Mean mean = mean_of(differences);
  PairedTest test;
  test.n = mean.n;
  test.difference = mean.mean;
  if (mean.mean == 0) return test;
  test.t = mean.mean / mean.standard_error;
  test.p = two_sided_p(test.t, mean.n - 1);
  return test;
}

double two_sided_p(double t, double degrees) {
  if (std::isinf(t)) return 0;
  return incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t));
}

}  // namespace resnext::ablations
