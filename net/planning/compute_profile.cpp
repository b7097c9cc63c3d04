#include "net/planning/compute_profile.h"

#include "net/cuda/roofline.h"
#include "net/graph_builder.h"

namespace resnext::net {
namespace {

cuda::DataType working_type(Precision precision) {
  return precision == Precision::kBf16 ? cuda::DataType::kBf16 : cuda::DataType::kFloat;
}

}  // namespace

ComputeProfile profile_computation(const cuda::DeviceProgram& program, const DeviceFigures& figures,
                                   Precision precision, double attained) {
  ComputeProfile profile;
  profile.batch_size = program.batch_size;
  profile.memory_bandwidth = figures.memory_bandwidth * attained;
  const std::vector<cuda::StepCost> costs = cuda::step_costs(program);
  for (std::size_t step = 0; step < costs.size(); ++step) {
    profile.seconds += cuda::least_time(costs[step], figures, precision) / attained;
    const auto* exported = std::get_if<cuda::ExportGradientsStep>(&program.steps[step].work);
    if (exported == nullptr) continue;
    profile.ready.push_back({exported->ready, profile.seconds});
    profile.parameters = exported->ready;
  }
  const double bytes_per_value =
      sizeof(float) + double(cuda::bytes_of(program.type, 8)) / 8;  // read, written
  profile.refresh_seconds = double(profile.parameters) * bytes_per_value / profile.memory_bandwidth;
  return profile;
}

ComputeProfile profile_model(const std::string& model, int batch_size, const DeviceFigures& figures,
                             Precision precision, double attained) {
  const Spec spec = parse_spec(model);
  const int side = usual_input_side(spec);
  const Graph graph = build_graph(spec, {3, side, side}, usual_classes(spec));
  return profile_computation(cuda::lower(graph, batch_size, working_type(precision), true), figures,
                             precision, attained);
}

}  // namespace resnext::net
