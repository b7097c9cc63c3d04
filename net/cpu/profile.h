#pragma once
// Where a training step's time goes on this machine's CPU.

#include <string>
#include <vector>

#include "net/graph.h"
#include "net/precision.h"

namespace resnext::net {

/// One pass of one layer over a batch.
struct PassProfile {
  std::string layer;           ///< a node's name
  std::string pass;            ///< "forward", "backward data", "backward weights", "backward"
  std::string implementation;  ///< of the kernels
  std::string layout;          ///< of the activations
  double flops = 0;            ///< twice the multiply-adds that the definition needs
  double bytes = 0;            ///< read and written, were every activation to cross memory once
  double seconds = 0;          ///< the least of several steps
};

struct StepProfile {
  std::vector<PassProfile> passes;  ///< in the order in which they run
  double seconds = 0;               ///< of the fastest whole step, without the update
};

struct ProfileRequest {
  int batch = 1;
  int threads = 1;
  Precision precision = Precision::kFp32;
  int steps = 3;
};

/// Times training steps on random images. With one thread, seconds are processor time.
StepProfile profile_cpu_engine(const Graph& graph, const ProfileRequest& request);

/// The machine's limits on `threads` threads: GFLOP/s of multiply-adds in registers, and GB/s of
/// the sum of two arrays too large for any cache (STREAM's triad).
struct MachineLimits {
  double peak_gflops = 0;
  double memory_gbps = 0;
};
MachineLimits measure_machine(int threads);

}  // namespace resnext::net
