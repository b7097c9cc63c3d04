// A plugin whose GPUs are made up (RESNEXT_FAKE_GPUS="NAME,90,0000:3b:00.0;NAME,…", or
// RESNEXT_FAKE_GPUS_OF_RANK_1 for one rank of an mpirun) and compute with the CPU engine, in
// weights of their own: what the caller does not ask to be refreshed stays old.

#include <cstdlib>
#include <sstream>
#include <utility>

#include "cli/revision.h"
#include "net/cuda_plugin.h"
#include "worker/host_step.h"

namespace resnext::worker {
namespace {

std::string variable(const std::string& name) {
  const char* const value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

std::vector<net::Gpu> gpus_in(const std::string& text) {
  std::vector<net::Gpu> gpus;
  std::istringstream all(text);
  for (std::string one; std::getline(all, one, ';');) {
    std::istringstream fields(one);
    net::Gpu gpu;
    std::string capability;
    std::getline(fields, gpu.name, ',');
    std::getline(fields, capability, ',');
    std::getline(fields, gpu.pci_bus_id);
    gpu.compute_capability = std::stoi(capability);
    gpu.memory_bytes = std::size_t{80} << 30;
    gpus.push_back(gpu);
  }
  return gpus;
}

struct DeviceMemory {
  explicit DeviceMemory(const net::StepArrays& host)
      : parameters(host.parameters.begin(), host.parameters.end()),
        statistics(host.statistics.begin(), host.statistics.end()) {}
  std::vector<float> parameters, statistics;
};

class FakeStep final : public net::StepEngine {
 public:
  FakeStep(std::unique_ptr<net::Engine> engine, const net::StepArrays& arrays,
           const net::StepOptions& options)
      : host_(arrays),
        memory_(arrays),
        step_(std::move(engine), {memory_.parameters, memory_.statistics}, options) {}

  void set_momentum(std::span<const float> whole) override { step_.set_momentum(whole); }
  void begin(float learning_rate) override { step_.begin(learning_rate); }
  void train(const net::Batch& batch, float loss_scale, bool keeps_statistics) override {
    step_.train(batch, loss_scale, keeps_statistics);
  }
  void finish() override { step_.finish(); }
  std::span<const net::BatchMetrics> metrics() const override { return step_.metrics(); }
  double gradient_norm() const override { return step_.gradient_norm(); }
  void refresh_host() override {
    std::copy(memory_.parameters.begin(), memory_.parameters.end(), host_.parameters.begin());
    std::copy(memory_.statistics.begin(), memory_.statistics.end(), host_.statistics.begin());
  }
  std::vector<float> gather_momentum(std::vector<float> reused) override {
    return step_.gather_momentum(std::move(reused));
  }
  net::Engine& engine() override { return step_.engine(); }

 private:
  const net::StepArrays host_;
  DeviceMemory memory_;
  HostStep step_;
};

class FakePlugin final : public net::CudaPlugin {
 public:
  std::string build() const override {
#ifdef RESNEXT_FAKE_OTHER_BUILD
    return "0.0.1 (0123456789ab)";
#else
    return cli::build();
#endif
  }

  net::GpuProbe probe() const override {
    const std::string own =
        variable("RESNEXT_FAKE_GPUS_OF_RANK_" + variable("OMPI_COMM_WORLD_RANK"));
    net::GpuProbe found;
    found.gpus = gpus_in(own.empty() ? variable("RESNEXT_FAKE_GPUS") : own);
    if (found.gpus.empty()) found.why_none = "the NVIDIA driver is not there";
    found.versions = "CUDA 13.0, driver 13.0";
    return found;
  }

  std::unique_ptr<net::Engine> make_engine(const net::Graph& graph,
                                           const net::Normalisation& normalisation,
                                           const net::CudaEngineOptions& options) const override {
    if (options.device < 0 || options.device >= static_cast<int>(probe().gpus.size())) {
      throw std::runtime_error("no such GPU");
    }
    return net::make_cpu_engine(graph, normalisation, 1);
  }

  std::unique_ptr<net::StepEngine> make_step_engine(
      std::unique_ptr<net::Engine> engine, const net::StepArrays& arrays,
      const net::StepOptions& options, const net::RankPosition& position) const override {
    char token = position.rank == 0 ? 'x' : '\0';  // as NCCL's identity goes round
    position.broadcast(std::span(&token, 1));
    if (token != 'x') throw std::runtime_error("the broadcast did not come");
    return std::make_unique<FakeStep>(std::move(engine), arrays, options);
  }
};

}  // namespace
}  // namespace resnext::worker

extern "C" __attribute__((visibility("default"))) const resnext::net::CudaPlugin*
resnext_cuda_plugin() {
  static const resnext::worker::FakePlugin plugin;
  return &plugin;
}
