#pragma once
// What a rank throws that has waited for others too long.

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace resnext::net {

class WaitTimeout : public std::runtime_error {
 public:
  /// `host`: this rank's. `operation`: what it waited in, e.g. "the exchange of gradient bucket 3".
  WaitTimeout(const std::string& host, std::chrono::seconds waited, std::string operation)
      : std::runtime_error(fmt::format("{} waited {} s for other ranks in {}: one is stuck or dead "
                                       "(--timeout sets the limit)",
                                       host, waited.count(), operation)),
        waited_(waited),
        operation_(std::move(operation)) {}

  std::chrono::seconds waited() const { return waited_; }
  const std::string& operation() const { return operation_; }

 private:
  std::chrono::seconds waited_;
  std::string operation_;
};

}  // namespace resnext::net
