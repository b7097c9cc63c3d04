#pragma once
// Means over seeds, and whether two rows differ by more than seeds do.

#include <optional>
#include <span>

namespace resnext::ablations {

struct Mean {
  int n = 0;
  double mean = 0;
  double standard_error = 0;  ///< sample deviation / sqrt(n); NaN for fewer than two values
};

/// Of at least one value; NaN of none.
Mean mean_of(std::span<const double> values);

/// Digits after the point that a mean is worth printing with: two, or as many as show its standard
/// error's first digit; without one, as many as show three of a mean below 1. At most 6.
int decimals_of(const Mean& mean);

/// Student's paired t-test, two-sided.
struct PairedTest {
  int n = 0;              ///< pairs
  double difference = 0;  ///< mean of one - other
  double t = 0;           ///< difference over its standard error; infinite where that is 0
  double p = 1;           ///< chance of a |t| as large where there is no difference
};

/// Of pairs of equal seeds. nullopt for fewer than two: nothing can be said then.
std::optional<PairedTest> paired_test(std::span<const double> one, std::span<const double> other);

/// Two-sided p of Student's t with so many degrees of freedom, by the regularised incomplete beta
/// function's continued fraction (Abramowitz and Stegun 26.5.8, 26.7.1).
double two_sided_p(double t, double degrees);

}  // namespace resnext::ablations
