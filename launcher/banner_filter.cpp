#include "launcher/banner_filter.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace resnext::launcher {
namespace {

/// Open MPI 4.1 comments on the signal that we send.
constexpr std::string_view kForwarding = "mpirun: Forwarding signal";

bool is_rule(const std::string& line) {
  const std::size_t end = line.find_last_not_of(" \r");
  return end != std::string::npos && end >= 39 && line.find_first_not_of('-') > end;
}

/// "[host:12345] 3 more processes have sent help message …" and the advice after it.
bool is_help_count(const std::string& line) {
  const std::size_t end = line.find("] ");
  if (!line.starts_with('[') || end == std::string::npos) return false;
  const std::string_view text = std::string_view(line).substr(end + 2);
  return text.starts_with("Set MCA parameter \"") ||
         (text.find(" more process") < 8 && text.find(" sent help message") != text.npos);
}

/// Whether a line that starts so may become one of mpirun's own.
bool may_be_noise(const std::string& start) {
  static constexpr std::array<std::string_view, 4> kStarts{"--", "[", "ssh: ", kForwarding};
  return std::any_of(kStarts.begin(), kStarts.end(), [&](std::string_view noise) {
    const std::size_t length = std::min(noise.size(), start.size());
    return start.compare(0, length, noise.substr(0, length)) == 0;
  });
}

std::string one_line(const std::string& text) {
  std::string result;
  for (const char c : text) {
    const char plain = c == '\n' || c == '\r' ? ' ' : c;
    if (plain != ' ' || (!result.empty() && result.back() != ' ')) result += plain;
  }
  while (!result.empty() && result.back() == ' ') result.pop_back();
  return result;
}

/// The first paragraph in one line, and the next one where it ends in a colon: the rest, and what
/// "usually" is the cause, is general advice.
std::string sense(const std::string& text) {
  const std::size_t end = text.find("\n\n");
  std::string result = one_line(text.substr(0, end));
  result = one_line(result.substr(0, result.find("This usually is")));
  if (result.ends_with(':') && end != std::string::npos) {
    const std::size_t next = text.find_first_not_of(" \n", end);
    if (next != std::string::npos) {
      result += ' ' + one_line(text.substr(next, text.find("\n\n", next) - next));
    }
  }
  return result;
}

/// A worker that fails says so itself, and its exit code is passed on.
bool only_says_that_a_worker_failed(const std::string& finding) {
  static constexpr std::array<std::string_view, 6> kStarts{
      "Primary job terminated normally",   "MPI_ABORT was invoked",
      "mpirun detected that one or more",  "mpirun has exited due to process",
      "prterun detected that one or more", "prterun has exited due to process"};
  return std::any_of(kStarts.begin(), kStarts.end(),
                     [&](std::string_view start) { return finding.starts_with(start); });
}

}  // namespace

std::string BannerFilter::feed(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    if (c == '\0') continue;  // Open MPI 5.0 ends its banners with one
    if (mid_line_) {
      out += c;
      mid_line_ = c != '\n';
      continue;
    }
    pending_ += c;
    if (c == '\n') {
      pending_.pop_back();
      out += take_line(pending_);
      pending_.clear();
    } else if (!in_banner_ && !may_be_noise(pending_)) {
      out += pending_;
      pending_.clear();
      mid_line_ = true;
    }
  }
  return out;
}

std::string BannerFilter::finish() {
  std::string rest;
  if (in_banner_) {
    banner_ += pending_;
    end_banner();
  } else {
    rest = pending_;
  }
  pending_.clear();
  return rest;
}

std::string BannerFilter::take_line(const std::string& line) {
  if (is_rule(line)) {
    if (in_banner_)
      end_banner();
    else
      in_banner_ = true;
    return "";
  }
  if (in_banner_) {
    banner_ += line + '\n';
    return "";
  }
  if (is_help_count(line) || line.starts_with(kForwarding)) return "";
  if (line.starts_with("ssh: ")) {
    add_finding(line);
    return "";
  }
  return line + '\n';
}

void BannerFilter::end_banner() {
  in_banner_ = false;
  const std::string finding = sense(banner_);
  banner_.clear();
  if (!only_says_that_a_worker_failed(finding)) add_finding(finding);
}

void BannerFilter::add_finding(const std::string& finding) {
  if (finding.empty()) return;
  if (std::find(findings_.begin(), findings_.end(), finding) == findings_.end()) {
    findings_.push_back(finding);
  }
}

}  // namespace resnext::launcher
