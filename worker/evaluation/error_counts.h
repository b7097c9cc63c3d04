#pragma once
// Errors over a test set: among all classes of the network, and, where the set has only some of
// them, among these alone (paper, Table 6: "5K-way" and "1K-way").

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "worker/evaluation/class_mapping.h"
#include "worker/training_state.h"

namespace resnext::worker {

/// Sums over images, so that those of parts of a set can be added.
struct ErrorCounts {
  double loss_sum = 0;  ///< of the cross-entropy over all classes
  std::int64_t images = 0, top1_correct = 0, top5_correct = 0;
  /// Among the data set's own classes.
  std::int64_t restricted_top1_correct = 0, restricted_top5_correct = 0;
};

/// Counts one image of the data set's label `label`. Of equal scores the lower class index of the
/// network comes first.
void count_image(std::span<const float> scores, const ClassMapping& classes, int label,
                 ErrorCounts& counts);

struct ValidationResult {
  std::int64_t images = 0;
  double loss = 0;                        ///< mean
  double top1_error = 0, top5_error = 0;  ///< percent
  struct Restricted {
    int classes = 0;                        ///< of the data set
    double top1_error = 0, top5_error = 0;  ///< percent, among these classes alone
  };
  std::optional<Restricted> restricted;  ///< where the network has other classes, too
  double seconds = 0;  ///< that it took, from the first batch to the last rank's last; 0: not known
};

/// Of at least one image.
ValidationResult to_result(const ErrorCounts& counts, const ClassMapping& classes);

/// "loss 1.2345, top-1 error 23.45%, top-5 error 6.78%", and among its own classes where there is
/// such.
std::string describe(const ValidationResult& result);

/// Adds a row. Rows of evaluations without restricted errors have NaN there, if others have them.
void add_evaluation(std::uint64_t step, double epoch, const ValidationResult& result,
                    ValidationHistory& history);

}  // namespace resnext::worker
