#pragma once
// What a run's log tells: how far it is, and what went wrong.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace resnext::ablations {

/// The end of a file, at most `bytes` of it; empty where there is none.
std::string tail_of(const std::string& path, std::size_t bytes = 16384);

/// Of the last progress line that the worker wrote.
struct LogProgress {
  std::uint64_t step = 0;
  std::uint64_t steps = 1;
  double loss = 0;
  std::string left;  ///< time, "1:02:03"
};
std::optional<LogProgress> last_progress(std::string_view log);

/// The last line with "error: " in it, from the word on; else the last line that is not empty.
std::string last_error_line(std::string_view log);

}  // namespace resnext::ablations
