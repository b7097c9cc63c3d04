#include "ablations/log_file.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace resnext::ablations {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \r\n") - first + 1);
}

/// The line around `position`.
std::string_view line_at(std::string_view text, std::size_t position) {
  const auto before = text.find_last_of('\n', position);
  const auto begin = before == std::string_view::npos ? 0 : before + 1;
  return text.substr(begin, std::min(text.find('\n', position), text.size()) - begin);
}

}  // namespace

std::string tail_of(const std::string& path, std::size_t bytes) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  if (ignored) return {};
  std::ifstream file(path, std::ios::binary);
  const auto length = std::min<std::uintmax_t>(size, bytes);
  file.seekg(static_cast<std::streamoff>(size - length));
  std::string text(length, '\0');
  file.read(text.data(), static_cast<std::streamsize>(length));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

std::optional<LogProgress> last_progress(std::string_view log) {
  for (auto at = log.rfind("  step "); at != std::string_view::npos && at > 0;
       at = log.rfind("  step ", at - 1)) {
    const std::string line(line_at(log, at));
    const auto left = line.rfind("left ");
    const auto step = line.find("  step ");
    LogProgress progress;
    if (left == std::string::npos) continue;
    if (std::sscanf(line.c_str() + step, "  step %lu/%lu  loss %lf", &progress.step,
                    &progress.steps, &progress.loss) != 3 ||
        progress.steps == 0) {
      continue;
    }
    progress.left = trimmed(line.substr(left + 5));
    return progress;
  }
  return std::nullopt;
}

std::string last_error_line(std::string_view log) {
  const auto at = log.rfind("error: ");
  if (at != std::string_view::npos) {
    const std::string_view line = line_at(log, at);
    return std::string(trimmed(line.substr(line.rfind("error: ") + 7)));
  }
  const std::string_view text = trimmed(log);
  return text.empty() ? std::string() : std::string(trimmed(line_at(text, text.size() - 1)));
}

}  // namespace resnext::ablations
