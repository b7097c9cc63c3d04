#pragma once
// What the launcher reads in the worker's options: only what decides the placement. Whether they
// are right is the worker's to say.

#include <optional>
#include <string>
#include <vector>

namespace resnext::launcher {

/// The value of `--NAME VALUE` or `--NAME=VALUE`, else of `NAME = VALUE` in the file that
/// `--config` names, else nullopt.
std::optional<std::string> worker_option(const std::vector<std::string>& options,
                                         const std::string& name);

/// Likewise, as a positive integer; nullopt where it is none (the worker will refuse it).
std::optional<int> worker_count(const std::vector<std::string>& options, const std::string& name);

}  // namespace resnext::launcher
