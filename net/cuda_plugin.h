#pragma once
// What libresnext_cuda.so offers to the programs that load it at run time. One binary so serves
// machines with GPUs and without: nothing else of the project links a CUDA library.

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "net/engine.h"
#include "net/precision.h"
#include "net/step_engine.h"

namespace resnext::net {

/// One GPU as this process sees it (CUDA_VISIBLE_DEVICES applies).
struct Gpu {
  std::string name;            ///< e.g. "NVIDIA H100 80GB HBM3"
  int compute_capability = 0;  ///< e.g. 90
  std::size_t memory_bytes = 0;
  std::string pci_bus_id;  ///< e.g. "0000:3b:00.0"; tells GPUs of a host apart, finds its NUMA node
};

struct GpuProbe {
  std::vector<Gpu> gpus;
  std::string why_none;  ///< where there are none, in words for the user
  std::string versions;  ///< e.g. "CUDA 13.0, driver 13.0, cuDNN 9.19.0, NCCL 2.28.9"
};

/// The oldest GPU that cuDNN 9 still computes on.
inline constexpr int kLeastComputeCapability = 75;

struct CudaEngineOptions {
  int device = 0;  ///< index into GpuProbe::gpus
  Precision precision = Precision::kBf16;
  bool deterministic = true;  ///< only algorithms that give the same bits every time
  bool cuda_graphs = true;    ///< replay a training pass as one launch
  std::string plan_cache;     ///< folder of compiled plans; empty: none is kept
  int ranks = 1;              ///< of the run, and micro-batches of each in a step: what it takes of
  int local_batches = 1;      ///< memory depends on them
};

class CudaPlugin {
 public:
  virtual ~CudaPlugin() = default;

  /// Version and revision that the plugin was built from; programs refuse another than their own.
  virtual std::string build() const = 0;

  /// Never throws: what is missing or broken is `why_none`.
  virtual GpuProbe probe() const = 0;

  virtual std::unique_ptr<Engine> make_engine(const Graph& graph,
                                              const Normalisation& normalisation,
                                              const CudaEngineOptions& options) const = 0;

  /// Takes an engine of make_engine(). Collective over the ranks of `position`.
  virtual std::unique_ptr<StepEngine> make_step_engine(std::unique_ptr<Engine> engine,
                                                       const StepArrays& arrays,
                                                       const StepOptions& options,
                                                       const RankPosition& position) const = 0;
};

/// The plugin's only exported symbol, of C linkage: `const CudaPlugin* resnext_cuda_plugin()`. The
/// object lives as long as the process (the library is never unloaded).
using CudaPluginEntry = const CudaPlugin* (*)();
inline constexpr const char* kCudaPluginEntry = "resnext_cuda_plugin";
inline constexpr const char* kCudaPluginFile = "libresnext_cuda.so";

}  // namespace resnext::net
