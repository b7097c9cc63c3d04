#pragma once
// resnext-info in a folder of its own, with a planner or without.

#include <filesystem>
#include <string>

#include "run_info.h"

namespace resnext::net {

enum class PlannerKind {
  kNone,  ///< as in a build without CUDA
  kFake,  ///< tests/net/cuda/fake_planner.cpp: quick, and needs no CUDA
};

class PlannerFolder {
 public:
  explicit PlannerFolder(PlannerKind kind);
  ~PlannerFolder();
  PlannerFolder(const PlannerFolder&) = delete;
  PlannerFolder& operator=(const PlannerFolder&) = delete;

  /// Runs the folder's resnext-info.
  InfoResult info(const std::string& arguments) const;

  /// Writes the description of a known device with another size of memory, and returns its path.
  std::string device_with_memory(const std::string& name, double bytes) const;
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace resnext::net
