#pragma once
// Names for profilers, which read them by way of NVTX.

#include <string>

#include <nvtx3/nvToolsExt.h>

namespace resnext::net::cuda {

/// A named stretch of time of this thread.
class ProfilerRange {
 public:
  explicit ProfilerRange(const std::string& name) { nvtxRangePushA(name.c_str()); }
  ~ProfilerRange() { nvtxRangePop(); }
  ProfilerRange(const ProfilerRange&) = delete;
  ProfilerRange& operator=(const ProfilerRange&) = delete;
};

}  // namespace resnext::net::cuda
