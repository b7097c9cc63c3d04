#pragma once
// One driver at a time in a folder.

#include <optional>
#include <string>

#include <sys/types.h>

namespace resnext::ablations {

/// Held for as long as it lives, and let go by the system when the process dies.
class SweepLock {
 public:
  /// Throws std::runtime_error naming the process that holds the folder's lock.
  explicit SweepLock(const std::string& folder);
  ~SweepLock();
  SweepLock(const SweepLock&) = delete;
  SweepLock& operator=(const SweepLock&) = delete;

 private:
  int file_ = -1;
};

/// The process that holds a folder's lock, if one does.
std::optional<pid_t> lock_holder(const std::string& folder);

/// Waits until no process of this machine works in `folder` any more: those of a driver that was
/// killed have been asked to write a checkpoint and end. Throws std::runtime_error after `seconds`.
void wait_for_orphans(const std::string& folder, int seconds);

}  // namespace resnext::ablations
