#include "net/cuda/compiled_program.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "net/cuda/cuda_error.h"
#include "net/cuda/kernels/kernel_data.h"
#include "net/cuda/kernels/launch.h"
#include "net/cuda/profiler_range.h"

namespace resnext::net::cuda {
namespace {

std::vector<Segment> cut_into_segments(const DeviceProgram& program) {
  std::vector<Segment> segments;
  std::size_t first = 1;  // step 0 brings the images in
  for (std::size_t i = 1; i < program.steps.size(); ++i) {
    const auto* exported = std::get_if<ExportGradientsStep>(&program.steps[i].work);
    const bool last = i + 1 == program.steps.size();
    if (exported == nullptr && !last) continue;
    segments.push_back({first, i + 1, exported != nullptr ? exported->ready : 0});
    first = i + 1;
  }
  return segments;
}

std::size_t count_losses(const DeviceProgram& program) {
  return std::size_t(std::ranges::count_if(program.steps, [](const Step& step) {
    return std::holds_alternative<SoftmaxStep>(step.work);
  }));
}

}  // namespace

CompiledProgram::CompiledProgram(DeviceProgram program, const WeightLayout& weights,
                                 PlanStore& plans, cudnnHandle_t handle, const Stream& stream,
                                 bool capture)
    : program_(std::move(program)),
      handle_(handle),
      stream_(stream),
      capture_(capture),
      plans_(plans.plans(program_.graphs)),
      header_(sizeof(kernels::BatchHeader)),
      labels_(std::size_t(program_.batch_size) * sizeof(std::int32_t)),
      metrics_(metric_count() * sizeof(kernels::RowMetrics)),
      segments_(cut_into_segments(program_)),
      recordings_(segments_.size()),
      layout_(weights.parameters) {
  for (const auto& plan : plans_) {
    workspace_bytes_ = std::max(workspace_bytes_, plan->workspace_bytes());
  }
}

std::size_t CompiledProgram::memory_bytes() const {
  return labels_.bytes() + metrics_.bytes() + entries_.bytes();
}

std::size_t CompiledProgram::metric_count() const {
  return count_losses(program_) * std::size_t(program_.batch_size);
}

const kernels::RowMetrics* CompiledProgram::metrics() const {
  return metrics_.as<kernels::RowMetrics>();
}

void* CompiledProgram::address(const Location& location) const {
  switch (location.region) {
    case Region::kPlanned:
      return memory_->activations.data() + program_.offsets[std::size_t(location.buffer)] +
             location.offset;
    case Region::kWeights:
      return memory_->weights.data() + location.offset;
    case Region::kStatistics:
      return memory_->statistics.data() + location.offset;
    case Region::kMovedStatistics:
      return memory_->moved_statistics.data() + location.offset;
  }
  return nullptr;
}

void CompiledProgram::bind(const EngineMemory& memory) {
  memory_ = &memory;
  build_variant_packs();
  if (program_.training) upload_gradient_entries(WeightLayout{layout_, 0});
  for (Recording& recording : recordings_) recording = {};
}

void CompiledProgram::build_variant_packs() {
  variant_packs_.clear();
  for (const Step& step : program_.steps) {
    auto& pack = variant_packs_.emplace_back();
    const auto* work = std::get_if<PlanStep>(&step.work);
    if (work == nullptr) continue;
    const ExecutionPlan& plan = *plans_[std::size_t(work->graph)];
    std::vector<std::int64_t> ids;
    std::vector<const void*> pointers;
    std::size_t bound = 0;
    for (int i = 0; i < static_cast<int>(plan.tensors().size()); ++i) {
      const TensorDescription& tensor = plan.tensors()[std::size_t(i)];
      if (tensor.is_virtual) continue;
      ids.push_back(OperationGraph::unique_id(i));
      pointers.push_back(tensor.constant ? static_cast<const void*>(&*tensor.constant)
                                         : address(work->tensors[bound++]));
    }
    pack = std::make_unique<Descriptor>(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
    pack->set_integers(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, ids);
    pack->set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
              static_cast<std::int64_t>(pointers.size()), pointers.data());
    void* const workspace = memory_->workspace.data();
    pack->set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace);
    pack->finalize("a plan's memory");
  }
}

/// Where export_gradients() finds each parameter's working gradient.
void CompiledProgram::upload_gradient_entries(const WeightLayout& weights) {
  std::vector<kernels::ParameterEntry> entries;
  for (std::size_t i = 0; i < weights.parameters.size(); ++i) {
    entries.push_back(
        kernels::parameter_entry(weights.parameters[i], address(program_.gradients[i])));
  }
  const std::size_t bytes = entries.size() * sizeof(kernels::ParameterEntry);
  if (entries_.bytes() != bytes) entries_ = DeviceMemory(bytes);
  stream_.copy(entries_.data(), entries.data(), bytes);
  stream_.synchronize("where gradients are exported from");
}

void CompiledProgram::import(const DeviceBatch& batch) {
  const ProfilerRange range("images");
  const auto& images = std::get<ImportImagesStep>(program_.steps.front().work);
  const ImportShape shape{program_.batch_size, program_.input};
  if (batch.values != nullptr) {
    import_values(batch.values, shape, program_.type, address(images.to), stream_.get());
  } else {
    import_pixels(batch.pixels, memory_->pixel_table.as<float>(), shape, program_.type,
                  address(images.to), stream_.get());
  }
  if (has_labels_ != (batch.labels != nullptr)) {
    for (Recording& recording : recordings_) recording = {};
  }
  has_labels_ = batch.labels != nullptr;
  if (batch.header != nullptr) stream_.copy(header_.data(), batch.header, header_.bytes());
  if (has_labels_) stream_.copy(labels_.data(), batch.labels, labels_.bytes());
}

/// Launches a step's work; one function a kind of step.
struct CompiledProgram::Launcher {
  CompiledProgram& of;
  const Descriptor* variant_pack = nullptr;
  std::size_t loss = 0;

  cudaStream_t stream() const { return of.stream_.get(); }
  DataType type() const { return of.program_.type; }
  int images() const { return of.program_.batch_size; }

  void operator()(const PlanStep& step) const {
    const ExecutionPlan& plan = *of.plans_[std::size_t(step.graph)];
    check_cudnn(cudnnBackendExecute(of.handle_, plan.descriptor().get(), variant_pack->get()),
                "running a plan");
  }
  void operator()(const ImportImagesStep&) const {}  // import() has done it
  void operator()(const CombineStep& step) const {
    const BranchPointers second =
        step.branches.size() > 1 ? pointers(step.branches[1]) : BranchPointers{};
    combine(pointers(step.branches[0]), second, step, type(), of.address(step.to), stream());
  }
  void operator()(const ReluBackwardStep& step) const {
    relu_backward(of.address(step.dy), of.address(step.y), of.address(step.dx), step.values, type(),
                  stream());
  }
  void operator()(const AveragePoolStep& step) const {
    average_pool(step, images(), type(), of.address(step.x), of.address(step.y), stream());
  }
  void operator()(const CopyChannelsStep& step) const {
    copy_channels(step, type(), of.address(step.from), of.address(step.to), stream());
  }
  void operator()(const SubsampleStep& step) const {
    subsample(step, images(), type(), of.address(step.x), of.address(step.y), stream());
  }
  void operator()(const BiasStep& step) const {
    bias(step, images(), of.address(step.logits), static_cast<float*>(of.address(step.bias)),
         stream());
  }
  void operator()(const SoftmaxStep& step) {
    const std::size_t row = loss++ * std::size_t(images());
    if (!of.has_labels_) return;
    SoftmaxPointers pointers{of.address(step.logits), of.labels_.as<std::int32_t>(),
                             of.header_.as<kernels::BatchHeader>(),
                             of.metrics_.as<kernels::RowMetrics>() + row, nullptr};
    if (step.training) pointers.gradient = of.address(step.gradient);
    softmax_cross_entropy(step, images(), pointers, stream());
  }
  void operator()(const ExportGradientsStep& step) const {
    const auto& parameters = of.layout_;
    export_gradients(of.entries_.as<kernels::ParameterEntry>(), static_cast<int>(parameters.size()),
                     of.memory_->gradients,
                     {parameters[std::size_t(step.first)].arena_offset, step.ready}, stream());
  }

  BranchPointers pointers(const Branch& branch) const {
    BranchPointers result{of.address(branch.from), nullptr, nullptr, nullptr, nullptr};
    if (!branch.normalised) return result;
    result.scale = static_cast<const float*>(of.address(branch.scale));
    result.bias = static_cast<const float*>(of.address(branch.bias));
    result.mean = static_cast<const float*>(of.address(branch.mean));
    result.variance = static_cast<const float*>(of.address(branch.variance));
    return result;
  }
};

void CompiledProgram::launch(std::size_t first, std::size_t last) {
  Launcher launcher{*this};
  // Losses are numbered over the whole program, whose segments all begin before or after them.
  for (std::size_t i = 0; i < first; ++i) {
    if (std::holds_alternative<SoftmaxStep>(program_.steps[i].work)) ++launcher.loss;
  }
  for (std::size_t i = first; i < last; ++i) {
    const Step& step = program_.steps[i];
    const ProfilerRange range(step.name);
    launcher.variant_pack = variant_packs_[i].get();
    try {
      std::visit(launcher, step.work);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(fmt::format("layer {}: {}", step.name, error.what()));
    }
  }
}

/// The first run is plain, so that whatever is loaded late is loaded; the second is recorded.
void CompiledProgram::run(std::size_t index) {
  const Segment& segment = segments_[index];
  Recording& recording = recordings_[index];
  check_cudnn(cudnnSetStream(handle_, stream_.get()), "choosing a stream");
  if (!capture_ || recording.runs++ == 0) return launch(segment.first, segment.last);
  if (!recording.graph) capture(index);
  check_cuda(cudaGraphLaunch(recording.graph.get(), stream_.get()), "replaying a CUDA graph");
}

void CompiledProgram::capture(std::size_t index) {
  check_cuda(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal),
             "recording a CUDA graph");
  launch(segments_[index].first, segments_[index].last);
  cudaGraph_t graph = nullptr;
  check_cuda(cudaStreamEndCapture(stream_.get(), &graph), "recording a CUDA graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  check_cuda(status, "making a CUDA graph");
  recordings_[index].graph.reset(executable);
}

}  // namespace resnext::net::cuda
