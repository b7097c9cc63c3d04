#pragma once
// What is made of a network's scores (logits): probabilities, ranks, averages over views and
// networks.

#include <span>
#include <vector>

namespace resnext::worker {

/// What is averaged over the views of an image, and over the networks of an ensemble.
enum class Average {
  kLogits,         ///< the published code's computeScore, which sums the outputs
  kProbabilities,  ///< the softmax; the result is given as logarithms, so that it is scores, too
};

/// log(sum(exp(scores))), without overflow.
double log_sum_exp(std::span<const float> scores);

/// How many classes come before `label`: those of a higher score, and of equal ones those of a
/// lower index. All of them, for a label whose score is no number.
int rank_of_label(std::span<const float> scores, int label);

/// The same among the classes `among` alone (`label` is one of them).
int rank_of_label(std::span<const float> scores, int label, std::span<const int> among);

/// The min(k, classes) best classes in that order.
std::vector<int> top_classes(std::span<const float> scores, int k);

/// The average of `rows` ((any number, at least 1) x classes values) into `average` (classes).
void average_scores(std::span<const float> rows, Average what, std::span<float> average);

}  // namespace resnext::worker
