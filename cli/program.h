#pragma once
// What every resnext-* program does the same way: parse its command line with
// Boost.Program_options, turn any exception into one line on stderr, and exit with a code that
// tells usage from failure.

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/program_options.hpp>

namespace resnext::cli {

/// Exit codes of all programs (README, "Exit codes").
inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;  ///< the work failed: a damaged file, a full disk, a dead rank
inline constexpr int kUsage = 2;    ///< the command line cannot be run as it stands

/// A wrong or contradictory option. The message names the option and what to do; exit code kUsage.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Parses `arguments` (without the program's name) against `options` and `positional`. An unknown
/// option is a UsageError that names it and the nearest valid one; a malformed value names option
/// and value. Options may not be abbreviated.
boost::program_options::variables_map parse_command_line(
    const std::vector<std::string>& arguments,
    const boost::program_options::options_description& options,
    const boost::program_options::positional_options_description& positional = {});

/// As above for an INI file (`--config FILE`): `key = value` lines and `#` comments. Values already
/// in `values` stay. Throws UsageError with file name and the offending key.
void parse_config_file(const std::string& path,
                       const boost::program_options::options_description& options,
                       boost::program_options::variables_map& values);

/// The same for a text in that form; `where` stands in front of its error messages.
void parse_config(const std::string& text, const std::string& where,
                  const boost::program_options::options_description& options,
                  boost::program_options::variables_map& values);

/// Runs `body(arguments)` and returns its exit code. An exception becomes the single line
/// `PROGRAM: error: MESSAGE` on stderr, and the code kUsage (UsageError) or kFailure.
int run_program(const std::string& program, int argc, char** argv,
                const std::function<int(const std::vector<std::string>&)>& body);

}  // namespace resnext::cli
