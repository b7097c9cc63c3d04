#pragma once
// The sum of the replicas' gradients as one balanced tree, whoever computes it. (With --accumulate
// K, each replica's K batches are K neighbours that count as replicas here.) Neighbours are added
// in pairs, level by level (an odd one out moves up), so that a rank that holds an aligned block of
// replicas computes a subtree, and any allowed number of ranks adds in the same order.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace resnext::worker {

/// Why `ranks` ranks cannot share `replicas` replicas of `accumulate` batches each with an exact
/// reduction, in words for the user; empty when they can: ranks divides replicas, and the batches
/// of each rank are a power of two (or all).
std::string why_not_exact(int replicas, int ranks, int accumulate = 1);

/// Rank counts that can share them exactly, ascending.
std::vector<int> exact_rank_counts(int replicas, int accumulate = 1);

/// total[0] = tree sum of the parts, each `count` values; parts are overwritten.
void sum_as_tree(std::span<float* const> parts, std::size_t count);

/// Sums a rank's own replicas one after the other with log2(replicas) buffers: a binary counter
/// whose digits are sums of 1, 2, 4, … neighbouring replicas.
class LocalReplicaSum {
 public:
  /// `values`: length of a gradient arena; `replicas`: how many this rank sums in a step.
  LocalReplicaSum(std::size_t values, int replicas);

  /// The buffer that the next replica's gradient is to be written into, whole.
  std::span<float> next_gradient() { return current_; }

  /// Takes in the gradient just written, one that is not the rank's last of the step.
  void add();

  /// For the last replica: turns [first, last) of its gradient into the sum over all replicas, in
  /// place in next_gradient(). Each value once; then reset() before the next step.
  void finish(std::size_t first, std::size_t last);
  void reset();

 private:
  struct Level {
    std::vector<float> sum;
    bool occupied = false;
  };
  std::vector<float> current_;
  std::vector<Level> levels_;
};

}  // namespace resnext::worker
