#pragma once
// The programs that a sweep is made of.

#include <string>

namespace resnext::ablations {

/// Absolute paths.
struct Programs {
  std::string launch;
  std::string worker;
  std::string info;
  std::string data;
};

/// Beside this program, where the build tree has them, or in PATH. Throws std::runtime_error naming
/// the one that is missing.
Programs find_programs();

/// What `resnext-worker --version` says: results of different ones are never averaged.
std::string code_version(const Programs& programs);

}  // namespace resnext::ablations
