#pragma once
// Tests of whether a sample comes from a distribution. All draws in these tests have fixed seeds,
// so a test passes always or never; the significance says how likely a correct program was to be
// unlucky.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace resnext::data {

/// Largest distance between the empirical distribution function of the values and `cdf`, times the
/// root of their number: Kolmogorov and Smirnov's statistic.
template <typename Distribution>
double kolmogorov_smirnov(std::vector<double> values, const Distribution& cdf) {
  std::sort(values.begin(), values.end());
  const double n = static_cast<double>(values.size());
  double distance = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double expected = cdf(values[i]);
    distance = std::max({distance, std::abs(static_cast<double>(i) / n - expected),
                         std::abs(static_cast<double>(i + 1) / n - expected)});
  }
  return distance * std::sqrt(n);
}

/// What the statistic exceeds once in 10,000 samples (asymptotically 2 exp(-2 x^2)).
inline constexpr double kKolmogorovSmirnovLimit = 2.23;

/// Pearson's statistic for equally likely outcomes.
inline double chi_square(const std::vector<int>& counts) {
  double total = 0;
  for (const int count : counts) total += count;
  const double expected = total / static_cast<double>(counts.size());
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

/// The distribution function of the uniform distribution.
inline auto uniform_cdf(double low, double high) {
  return [=](double x) { return std::clamp((x - low) / (high - low), 0.0, 1.0); };
}

}  // namespace resnext::data
