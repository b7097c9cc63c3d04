#include "data/pack/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <unistd.h>

namespace resnext::data {

namespace {

constexpr std::chrono::milliseconds kBetweenTerminalLines(250), kBetweenLogLines(5000);

}  // namespace

std::string duration_text(double seconds) {
  constexpr std::uint64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  const auto whole = static_cast<std::uint64_t>(std::ceil(std::max(0.0, seconds)));
  if (whole < 2 * kMinute) return fmt::format("{} s", whole);
  if (whole < kHour) return fmt::format("{} min", whole / kMinute);
  if (whole < 2 * kDay) return fmt::format("{} h {} min", whole / kHour, whole % kHour / kMinute);
  return fmt::format("{} days {} h", whole / kDay, whole % kDay / kHour);
}

std::string progress_text(const std::string& verb, const std::string& unit, std::uint64_t done,
                          std::uint64_t total, std::uint64_t already, std::uint64_t bytes,
                          double seconds) {
  const double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
  std::string text =
      fmt::format("{} {} of {} {} ({:.1f}%)", verb, done, total, unit, 100.0 * share);
  const double rate = seconds > 0 ? static_cast<double>(done - already) / seconds : 0.0;
  if (rate <= 0.0) return text;
  text += fmt::format(", {:.{}f} {}/s", rate, rate < 10.0 ? 1 : 0, unit);
  if (bytes > 0) text += fmt::format(", {:.1f} MB/s", static_cast<double>(bytes) / seconds / 1e6);
  if (done < total)
    text += fmt::format(", {} left", duration_text(static_cast<double>(total - done) / rate));
  return text;
}

Progress::Progress() : terminal_(isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  end_line();
}

void Progress::start(const std::string& verb, const std::string& unit, std::uint64_t total,
                     std::uint64_t already) {
  const std::lock_guard lock(mutex_);
  end_line();
  verb_ = verb;
  unit_ = unit;
  total_ = total;
  already_ = done_ = already;
  bytes_ = 0;
  started_ = printed_ = Clock::now();
}

void Progress::advance(std::uint64_t items, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  done_ += items;
  bytes_ += bytes;
  const auto now = Clock::now();
  if (now - printed_ >= (terminal_ ? kBetweenTerminalLines : kBetweenLogLines)) print(now);
}

void Progress::print(Clock::time_point now) {
  printed_ = now;
  const std::string text = progress_text(verb_, unit_, done_, total_, already_, bytes_,
                                         std::chrono::duration<double>(now - started_).count());
  if (terminal_)
    fmt::print(stderr, "\r{:<{}}", text, line_);
  else
    fmt::print(stderr, "{}\n", text);
  line_ = terminal_ ? text.size() : 0;
}

void Progress::end_line() {
  if (line_ > 0) fmt::print(stderr, "\n");
  line_ = 0;
}

}  // namespace resnext::data
