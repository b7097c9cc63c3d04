#include "worker/device/device_choice.h"

#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cli/program.h"
#include "worker/device/gpu_assignment.h"
#include "worker/device/numa_affinity.h"
#include "worker/device/plugin_loader.h"

namespace resnext::worker {
namespace {

constexpr const char* kDriver = "/proc/driver/nvidia/version";

struct OwnGpus {
  const net::CudaPlugin* plugin = nullptr;
  std::string versions;
  RankView view;
};

std::string host_name() {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return host.data();
}

/// The lowest rank of this one's host.
int node_of(const Communicator& communicator) {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(communicator.get(), MPI_COMM_TYPE_SHARED, communicator.rank(),
                                MPI_INFO_NULL, &node),
            "MPI_Comm_split_type");
  int lowest = communicator.rank();
  check_mpi(MPI_Bcast(&lowest, 1, MPI_INT, 0, node), "MPI_Bcast");
  MPI_Comm_free(&node);
  return lowest;
}

OwnGpus look_around(int node) {
  OwnGpus own;
  const PluginSearch search = load_cuda_plugin();
  own.plugin = search.plugin;
  own.view.node = node;
  own.view.host = host_name();
  own.view.why_none = search.why_none;
  own.view.gpus_expected = search.found_file || std::filesystem::exists(kDriver);
  if (own.plugin == nullptr) return own;
  net::GpuProbe probe = own.plugin->probe();
  own.versions = std::move(probe.versions);
  own.view.gpus = std::move(probe.gpus);
  own.view.why_none = probe.why_none.empty() ? "no GPU is visible" : std::move(probe.why_none);
  return own;
}

std::string to_text(const RankView& view) {
  nlohmann::json gpus = nlohmann::json::array();
  for (const net::Gpu& gpu : view.gpus) {
    gpus.push_back({gpu.name, gpu.compute_capability, gpu.memory_bytes, gpu.pci_bus_id});
  }
  return nlohmann::json{view.node, view.host, gpus, view.why_none, view.gpus_expected}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

RankView from_text(const std::string& text) {
  const nlohmann::json json = nlohmann::json::parse(text);
  RankView view{json[0], json[1], {}, json[3], json[4]};
  for (const nlohmann::json& gpu : json[2]) view.gpus.push_back({gpu[0], gpu[1], gpu[2], gpu[3]});
  return view;
}

std::vector<RankView> views_of_all(const RankView& own, const Communicator& communicator) {
  std::vector<RankView> views;
  for (const std::string& text : communicator.gather_strings(to_text(own))) {
    views.push_back(from_text(text));
  }
  return views;
}

/// With --device auto, which has found no GPU for some rank.
ChosenDevice fall_back(const Options& options, const GpuAssignment& assignment) {
  if (options.precision == "tf32") {
    throw cli::UsageError(
        fmt::format("--precision: tf32 needs a GPU, and there is none: {}", assignment.why_cpu));
  }
  ChosenDevice chosen{cpu_device(), {}};
  if (assignment.cpu_is_a_surprise) {
    chosen.notes.push_back(fmt::format("note: using the CPU: {}", assignment.why_cpu));
  }
  return chosen;
}

}  // namespace

ChosenDevice choose_device(const Options& options, const Communicator& communicator) {
  if (options.device == "cpu") return {cpu_device(), {}};
  const OwnGpus own = look_around(node_of(communicator));
  const GpuRequest request{options.device == "cuda", to_precision(options.precision)};
  const GpuAssignment assignment = assign_gpus(request, views_of_all(own.view, communicator));
  if (assignment.gpus.empty()) return fall_back(options, assignment);
  const int index = assignment.gpus[communicator.rank()];
  const net::Gpu& gpu = own.view.gpus[index];
  keep_near(gpu.pci_bus_id);
  return {{own.plugin, index, gpu.name, fmt::format("{}, {}", gpu.name, own.versions)},
          assignment.notes};
}

}  // namespace resnext::worker
