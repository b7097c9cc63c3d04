#pragma once
// resnext-info as a user runs it: the program itself, its output and its exit code.

#include <string>

namespace resnext::net {

struct InfoResult {
  std::string output;  ///< stdout and stderr
  int exit_code = -1;
};

/// Runs resnext-info with `arguments` as a shell would.
InfoResult info(const std::string& arguments);

/// The same for a copy of it at `program`.
InfoResult info_at(const std::string& program, const std::string& arguments);

bool contains(const std::string& text, const std::string& part);

/// One line with `part`, and the exit code of a wrong command line.
void expect_usage_error(const std::string& arguments, const std::string& part);

}  // namespace resnext::net
