#include "worker/comm/bucket_size.h"

#include <algorithm>

namespace resnext::worker {
namespace {

constexpr double kBaseMib = 4;
constexpr double kRanksOfBase = 64;
constexpr double kBytesPerMib = 1024 * 1024;

}  // namespace

double usual_bucket_mib(int ranks) {
  return kBaseMib * std::max(1.0, ranks / kRanksOfBase);
}

std::size_t bucket_values(double mib, int ranks) {
  const double bytes = kBytesPerMib * (mib > 0 ? mib : usual_bucket_mib(ranks));
  return std::max<std::size_t>(1, static_cast<std::size_t>(bytes / sizeof(float)));
}

}  // namespace resnext::worker
