#pragma once
// mpirun says everything in banners: paragraphs between rules of dashes. This takes them out of its
// standard error, so that the workers' lines stand alone, and keeps what they say for one line.

#include <string>
#include <string_view>
#include <vector>

namespace resnext::launcher {

class BannerFilter {
 public:
  /// Takes the next bytes of mpirun's standard error; returns those to pass on now.
  std::string feed(std::string_view bytes);

  /// What is left at the end of the stream: the start of a line not yet complete.
  std::string finish();

  /// The sense of each banner in one line, in order, each once. Those that only repeat that a
  /// worker failed (it has said why itself) are left out. Complaints of ssh, which mpirun repeats
  /// for each attempt, are here too.
  const std::vector<std::string>& findings() const { return findings_; }

 private:
  std::string take_line(const std::string& line);
  void end_banner();
  void add_finding(const std::string& finding);

  std::string pending_;  ///< an incomplete line that may turn out to be mpirun's
  bool in_banner_ = false;
  bool mid_line_ = false;  ///< the start of the current line was passed on already
  std::string banner_;
  std::vector<std::string> findings_;
};

}  // namespace resnext::launcher
