#pragma once
// Evaluation shared out over the ranks: every validation image exactly once, whatever their number,
// and sums that do not depend on it.

#include <functional>
#include <optional>
#include <span>

#include "net/engine.h"
#include "worker/comm/communicator.h"
#include "worker/evaluation/error_counts.h"
#include "worker/evaluation/test_protocol.h"
#include "worker/setup.h"
#include "worker/stop_signal.h"

namespace resnext::worker {

class Evaluator {
 public:
  /// On the setup's validation set, under its test protocol. `setup` must outlive the evaluator.
  Evaluator(const Setup& setup, const Communicator& communicator);

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
  void evaluate_own_batches(net::Engine& engine, std::span<const float> statistics,
                            const std::function<bool()>& stopped,
                            std::span<ErrorCounts> batches) const;

  const Setup& setup_;
  const Communicator& communicator_;
  const ProtocolViews views_;
};

}  // namespace resnext::worker
