#include "worker/replica_sum.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace resnext::worker {
namespace {

/// Values that the whole tree is computed of at once: those of 8 parts fit into a core's nearest
/// cache, and each is read from memory once, however many levels the tree has.
constexpr std::size_t kTreeBlock = 1024;

/// left += right.
void add_into(float* left, const float* right, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) left[i] += right[i];
}

bool is_exact(int replicas, int ranks, int accumulate) {
  if (ranks < 1 || replicas % ranks != 0) return false;
  return ranks == 1 || std::has_single_bit(static_cast<unsigned>(replicas / ranks * accumulate));
}

}  // namespace

std::vector<int> exact_rank_counts(int replicas, int accumulate) {
  std::vector<int> counts;
  for (int ranks = 1; ranks <= replicas; ++ranks) {
    if (is_exact(replicas, ranks, accumulate)) counts.push_back(ranks);
  }
  return counts;
}

std::string why_not_exact(int replicas, int ranks, int accumulate) {
  if (is_exact(replicas, ranks, accumulate)) return {};
  const std::string summed =
      accumulate == 1
          ? fmt::format("{} replicas", replicas / ranks)
          : fmt::format("{} batches (--accumulate {})", replicas / ranks * accumulate, accumulate);
  const std::string reason =
      replicas % ranks != 0
          ? fmt::format("{} ranks cannot share {} replicas evenly", ranks, replicas)
          : fmt::format(
                "with {} ranks each would sum {}, which is no subtree of the exact reduction's "
                "balanced tree",
                ranks, summed);
  return fmt::format("{}; use one of these rank counts: {} (or other --replicas)", reason,
                     fmt::join(exact_rank_counts(replicas, accumulate), ", "));
}

void sum_as_tree(std::span<float* const> parts, std::size_t count) {
  for (std::size_t first = 0; first < count; first += kTreeBlock) {
    const std::size_t values = std::min(kTreeBlock, count - first);
    for (std::size_t stride = 1; stride < parts.size(); stride *= 2) {
      for (std::size_t left = 0; left + stride < parts.size(); left += 2 * stride) {
        add_into(parts[left] + first, parts[left + stride] + first, values);
      }
    }
  }
}

LocalReplicaSum::LocalReplicaSum(std::size_t values, int replicas) : current_(values) {
  // The last replica stays in current_, so the counter only ever holds replicas - 1.
  const auto digits = std::bit_width(static_cast<unsigned>(replicas - 1));
  levels_.resize(static_cast<std::size_t>(digits));
  for (Level& level : levels_) level.sum.resize(values);
}

void LocalReplicaSum::add() {
  for (Level& level : levels_) {
    if (!level.occupied) {
      level.sum.swap(current_);
      level.occupied = true;
      return;
    }
    add_into(level.sum.data(), current_.data(), current_.size());
    level.sum.swap(current_);
    level.occupied = false;
  }
}

void LocalReplicaSum::finish(std::size_t first, std::size_t last) {
  for (const Level& level : levels_) {
    if (level.occupied) add_into(&current_[first], &level.sum[first], last - first);
  }
}

void LocalReplicaSum::reset() {
  for (Level& level : levels_) level.occupied = false;
}

}  // namespace resnext::worker
