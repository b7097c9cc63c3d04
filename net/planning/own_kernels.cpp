#include "net/planning/own_kernels.h"

#include <algorithm>

namespace resnext::net {
namespace {

/// What a step does; nothing where cuDNN does it.
struct WorkName {
  std::string operator()(const cuda::PlanStep&) const { return {}; }
  std::string operator()(const cuda::ImportImagesStep&) const { return "image import"; }
  std::string operator()(const cuda::CombineStep&) const { return "addition and ReLU"; }
  std::string operator()(const cuda::ReluBackwardStep&) const { return "ReLU backward"; }
  std::string operator()(const cuda::AveragePoolStep&) const { return "average pool"; }
  std::string operator()(const cuda::CopyChannelsStep&) const { return "channel copy"; }
  std::string operator()(const cuda::SubsampleStep&) const { return "subsampling"; }
  std::string operator()(const cuda::BiasStep&) const { return "bias"; }
  std::string operator()(const cuda::SoftmaxStep&) const { return "softmax cross-entropy"; }
  std::string operator()(const cuda::ExportGradientsStep&) const { return "gradient export"; }
};

}  // namespace

std::vector<OwnKernel> own_kernels(std::span<const cuda::DeviceProgram> programs) {
  std::vector<OwnKernel> kernels;
  for (const cuda::DeviceProgram& program : programs) {
    for (const cuda::Step& step : program.steps) {
      const std::string work = std::visit(WorkName{}, step.work);
      if (work.empty()) continue;
      auto found = std::ranges::find(kernels, work, &OwnKernel::work);
      if (found == kernels.end()) found = kernels.insert(found, OwnKernel{work, 0, 0});
      ++(program.training ? found->training : found->inference);
    }
  }
  return kernels;
}

}  // namespace resnext::net
