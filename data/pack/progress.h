#pragma once
// How far a long command is, for a person watching or a log.

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace resnext::data {

/// "packed 120 of 6800 samples (1.8%), 1234 samples/s, 135.7 MB/s, 5 s left". `already` of the
/// `done` items were there at the start, and have no part in the rate; `bytes` (0: not said) and
/// `seconds` count from there.
std::string progress_text(const std::string& verb, const std::string& unit, std::uint64_t done,
                          std::uint64_t total, std::uint64_t already, std::uint64_t bytes,
                          double seconds);

/// "5 s", "12 min", "3 h 20 min", "2 days 4 h".
std::string duration_text(double seconds);

/// Writes to stderr: on a terminal one line that counts up, elsewhere a line every few seconds, and
/// so none at all for what is done sooner. Thread-safe.
class Progress {
 public:
  Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// Ends a terminal's line.
  ~Progress();

  /// Begins a part of the work: `total` items, of which `already` are done.
  void start(const std::string& verb, const std::string& unit, std::uint64_t total,
             std::uint64_t already = 0);
  /// Some more items of it are done, with so many bytes.
  void advance(std::uint64_t items, std::uint64_t bytes = 0);

 private:
  using Clock = std::chrono::steady_clock;

  void print(Clock::time_point now);
  void end_line();

  const bool terminal_;
  std::mutex mutex_;  ///< guards all below
  std::string verb_, unit_;
  std::uint64_t total_ = 0, already_ = 0, done_ = 0, bytes_ = 0;
  Clock::time_point started_, printed_;
  std::size_t line_ = 0;  ///< characters of the terminal's unfinished line
};

}  // namespace resnext::data
