// libresnext_cuda.so: the CUDA engine, loaded at run time (net/cuda_plugin.h).

#include <stdexcept>

#include "cli/revision.h"
#include "net/cuda/cuda_engine.h"
#include "net/cuda/gpu_step.h"
#include "net/cuda/probe.h"
#include "net/cuda_plugin.h"

namespace resnext::net::cuda {
namespace {

class Plugin final : public CudaPlugin {
 public:
  std::string build() const override { return cli::build(); }

  GpuProbe probe() const override { return probe_gpus(); }

  std::unique_ptr<Engine> make_engine(const Graph& graph, const Normalisation& normalisation,
                                      const CudaEngineOptions& options) const override {
    return std::make_unique<CudaEngine>(graph, normalisation, options);
  }

  std::unique_ptr<StepEngine> make_step_engine(std::unique_ptr<Engine> engine,
                                               const StepArrays& arrays, const StepOptions& options,
                                               const RankPosition& position) const override {
    auto* const own = dynamic_cast<CudaEngine*>(engine.get());
    if (own == nullptr) throw std::invalid_argument("a step on a GPU needs a CUDA engine");
    engine.release();
    return std::make_unique<GpuStep>(std::unique_ptr<CudaEngine>(own), arrays, options, position);
  }
};

}  // namespace
}  // namespace resnext::net::cuda

extern "C" __attribute__((visibility("default"))) const resnext::net::CudaPlugin*
resnext_cuda_plugin() {
  static const resnext::net::cuda::Plugin plugin;
  return &plugin;
}
