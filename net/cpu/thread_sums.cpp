#include "net/cpu/thread_sums.h"

#include <algorithm>

namespace resnext::net::cpu {

ThreadSums::ThreadSums(int threads, int channels, int kinds)
    : threads_(threads),
      kinds_(kinds),
      // Whole cache lines, so that threads do not share any.
      stride_((std::size_t(channels) + 2 * kVectorSlack) / kVectorSlack * kVectorSlack),
      units_(stride_ * threads * kinds),
      totals_(stride_ * threads * kinds) {}

void ThreadSums::clear() {
  std::ranges::fill(units_, 0.0F);
  std::ranges::fill(totals_, 0.0);
}

ChannelSums ThreadSums::of(int thread) {
  ChannelSums sums;
  for (int kind = 0; kind < kinds_; ++kind) {
    sums.unit[kind] = &units_[index(thread, kind)];
    sums.total[kind] = &totals_[index(thread, kind)];
  }
  return sums;
}

double ThreadSums::total(int kind, int channel) const {
  double sum = 0;
  for (int thread = 0; thread < threads_; ++thread) sum += total(thread, kind, channel);
  return sum;
}

}  // namespace resnext::net::cpu
