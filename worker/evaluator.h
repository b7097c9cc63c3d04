#pragma once
// Evaluation shared out over the ranks: every validation image exactly once, whatever their number,
// and sums that do not depend on it.

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "data/image_source.h"
#include "data/transform.h"
#include "net/engine.h"
#include "worker/comm/communicator.h"
#include "worker/options.h"
#include "worker/stop_signal.h"

namespace resnext::worker {

struct ValidationResult {
  std::int64_t images = 0;
  double loss = 0;        ///< mean
  double top1_error = 0;  ///< percent
  double top5_error = 0;  ///< percent
};

class Evaluator {
 public:
  /// `source` must outlive the evaluator.
  Evaluator(const Options& options, data::ImageSource& source, const Communicator& communicator);

  /// Collective. The set is cut into batches of batch-per-replica images; batch b is computed by
  /// rank b modulo the ranks, and the batches' sums are added in order. Throws AgreedFailure on all
  /// ranks where one cannot read its images.
  ValidationResult evaluate(net::Engine& engine, std::span<const float> statistics);

  /// The same, given up (nullopt on all ranks) when `stop` has received a signal on any of them.
  std::optional<ValidationResult> evaluate(net::Engine& engine, std::span<const float> statistics,
                                           const StopSignal& stop);

 private:
  std::optional<ValidationResult> evaluate_until(net::Engine& engine,
                                                 std::span<const float> statistics,
                                                 const std::function<bool()>& stopped);

  const Options& options_;
  data::ImageSource& source_;
  const Communicator& communicator_;
  std::unique_ptr<data::Transform> transform_;
};

}  // namespace resnext::worker
