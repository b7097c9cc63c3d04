#pragma once
// Who is missing, once a rank has waited for others too long: those that wait too say so.

#include <chrono>
#include <string>
#include <vector>

#include "worker/comm/communicator.h"

namespace resnext::worker {

/// Ranks that may be the first to speak of a failure; the others only tell them what they know.
inline constexpr int kSpeakers = 3;

class RollCall {
 public:
  /// Collective. `world` must outlive the roll call.
  explicit RollCall(const Communicator& world);

  /// Tells the speakers that this rank gave up waiting in `operation`. A speaker then listens to
  /// the others for `patience`, and returns in words which it has not heard of, and what the rest
  /// wait in; other ranks return nothing. Waits for nobody longer than that.
  std::string hold(const std::string& operation, std::chrono::seconds patience);

 private:
  void tell();
  /// By rank, what it waits in; empty: not a word. Without this rank's own.
  std::vector<std::string> listen(std::chrono::seconds patience) const;
  std::string describe(const std::vector<std::string>& words) const;
  std::string name(int rank) const;

  const Communicator& world_;
  std::vector<std::string> hosts_;  ///< by rank
  std::string word_;                ///< must stay: nobody knows when it is taken
};

}  // namespace resnext::worker
