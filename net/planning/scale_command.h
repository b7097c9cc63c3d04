#pragma once
// resnext-info --scale: its options, and what it does with them.

#include <iosfwd>
#include <string>
#include <vector>

namespace resnext::net {

/// Whether the command line asks for it.
bool is_scale_command(const std::vector<std::string>& arguments);

/// Prints the table, and returns the exit code. Throws cli::UsageError for bad options.
int run_scale_command(const std::vector<std::string>& arguments, std::ostream& out);

}  // namespace resnext::net
