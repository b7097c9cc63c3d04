#include "net/cuda/cuda_engine.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include <fmt/format.h>

#include "net/batch_check.h"
#include "net/cuda/cuda_error.h"
#include "net/cuda/kernels/kernel_data.h"
#include "net/cuda/memory_needs.h"
#include "net/shape_inference.h"

namespace resnext::net::cuda {
namespace {

/// Photographs come in a few common shapes; each program holds activations of a whole network.
constexpr std::size_t kMaxResizedPrograms = 8;
constexpr std::size_t kGroupValues = std::size_t(1) << 18;

DataType data_type(Precision precision) {
  return precision == Precision::kBf16 ? DataType::kBf16 : DataType::kFloat;
}

/// Chooses the GPU for this thread, and says how much of its memory is free.
std::size_t start_device(int device) {
  check_cuda(cudaSetDevice(device), fmt::format("choosing GPU {}", device));
  std::size_t left = 0, total = 0;
  check_cuda(cudaMemGetInfo(&left, &total), "asking for the GPU's memory");
  return left;
}

std::string describe(int device) {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device), "reading the GPU's properties");
  return fmt::format("{} sm_{}{}", static_cast<const char*>(properties.name), properties.major,
                     properties.minor);
}

/// Value `index` of an array as the device holds it.
float value_at(std::span<const std::byte> raw, DataType type, std::size_t index) {
  if (type == DataType::kFloat) return reinterpret_cast<const float*>(raw.data())[index];
  const std::uint32_t bits = reinterpret_cast<const std::uint16_t*>(raw.data())[index];
  return std::bit_cast<float>(bits << 16);
}

/// The same values as the loader's, whatever the GPU's arithmetic. Empty without a normalisation.
std::vector<float> intensity_table(const Normalisation& normalisation, int channels) {
  std::vector<float> table;
  if (normalisation.mean.empty()) return table;
  for (int c = 0; c < channels; ++c) {
    for (int value = 0; value < 256; ++value) {
      table.push_back(static_cast<float>((value / 255.0 - normalisation.mean.at(std::size_t(c))) /
                                         normalisation.deviation.at(std::size_t(c))));
    }
  }
  return table;
}

void require_room_for_logits(const DeviceProgram& program, std::size_t values) {
  const std::size_t all = std::size_t(program.batch_size) * program.outputs.front().shape.count();
  if (values == 0 || values == all) return;
  throw std::invalid_argument(
      fmt::format("a batch of {} images has {} logits, not {}", program.batch_size, all, values));
}

/// Of output 0, whose channels are padded.
std::size_t bytes_of_logits(const DeviceProgram& program) {
  const Output& output = program.outputs.front();
  const std::size_t pixels = std::size_t(output.shape.height) * output.shape.width;
  const std::size_t pitch = std::size_t(padded_channels(output.shape.channels));
  return bytes_of(output.value.type, std::size_t(program.batch_size) * pixels * pitch);
}

/// Output 0 as (N, C, H, W) in fp32, without padding.
void unpack_logits(const DeviceProgram& program, std::span<const std::byte> raw,
                   std::span<float> logits) {
  const Output& output = program.outputs.front();
  const std::size_t pixels = std::size_t(output.shape.height) * output.shape.width;
  const std::size_t channels = std::size_t(output.shape.channels);
  const std::size_t pitch = std::size_t(padded_channels(output.shape.channels));
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const std::size_t pixel = i % pixels, channel = i / pixels % channels;
    const std::size_t image = i / pixels / channels;
    logits[i] = value_at(raw, output.value.type, (image * pixels + pixel) * pitch + channel);
  }
}

PlanPolicy policy_of(const CudaEngineOptions& options) {
  PlanPolicy policy;
  policy.deterministic = options.deterministic;
  policy.tensor_core_fp32 = options.precision == Precision::kTf32;
  return policy;
}

}  // namespace

void CudaEngine::throw_advice(const std::string& doing, const std::string& reason) {
  const int fits = largest_fitting_batch();
  const std::string advice = fits == 0 ? "not even one image a replica would fit"
                                       : fmt::format("--batch-per-replica {} would fit", fits);
  throw std::runtime_error(fmt::format(
      "{} {} on GPU {} ({}): {}; {:.2f} GB were free at the start, of which {:.2f} GB are for "
      "CUDA's libraries (an estimate): {}",
      doing, graph_.spec.name, options_.device, describe(options_.device), reason,
      double(free_at_start_) * 1e-9, double(kLibraryBytes) * 1e-9, advice));
}

/// Asks cuDNN what workspace the batch needs; its plans are then there for the run that takes it.
int CudaEngine::largest_fitting_batch() {
  const TrainingShape shape{1, type_, options_.local_batches, options_.ranks, trains_};
  std::size_t workspace = plans_.largest_workspace();
  for (;;) {
    const int batch = largest_batch(graph_, shape, workspace, free_at_start_);
    if (batch == 0) return 0;
    workspace = std::max(workspace, planned_workspace(batch));
    if (largest_batch(graph_, shape, workspace, free_at_start_) >= batch) return batch;
  }
}

std::size_t CudaEngine::planned_workspace(int batch_size) {
  std::size_t bytes = 0;
  for (const bool training : {true, false}) {
    if (training && !trains_) continue;
    const DeviceProgram program = lower(graph_, batch_size, type_, training, kGroupValues);
    for (const auto& plan : plans_.plans(program.graphs)) {
      bytes = std::max(bytes, plan->workspace_bytes());
    }
  }
  return bytes;
}

CudaEngine::CudaEngine(const Graph& graph, const Normalisation& normalisation,
                       const CudaEngineOptions& options)
    : graph_(graph),
      options_(options),
      type_(data_type(options.precision)),
      layout_(lay_out_weights(graph_, type_)),
      statistic_layout_(lay_out_statistics(graph_)),
      free_at_start_(start_device(options.device)),
      plans_(handle_.get(), describe(options.device), policy_of(options), options.plan_cache) {
  with_memory_advice("making room for", [&] {
    allocate();
    upload_tables(normalisation);
  });
}

void CudaEngine::allocate() {
  gradients_ = CollectiveMemory(graph_.parameter_count);
  memory_.gradients = gradients_.data();
  memory_.weights = DeviceMemory(layout_.bytes);
  memory_.statistics = DeviceMemory(statistic_layout_.bytes);
  memory_.moved_statistics = DeviceMemory(statistic_layout_.bytes);
  for (const DeviceMemory* memory :
       {&memory_.weights, &memory_.statistics, &memory_.moved_statistics}) {
    stream_.clear(memory->data(), memory->bytes());
  }
  stream_.clear(gradients_.data(), gradients_.bytes());
}

/// Where weights are packed to, and what intensities become.
void CudaEngine::upload_tables(const Normalisation& normalisation) {
  std::vector<kernels::ParameterEntry> entries;
  for (const WorkingParameter& parameter : layout_.parameters) {
    entries.push_back(
        kernels::parameter_entry(parameter, memory_.weights.data() + parameter.offset));
  }
  weight_entries_ = DeviceMemory(entries.size() * sizeof(kernels::ParameterEntry));
  stream_.copy(weight_entries_.data(), entries.data(), weight_entries_.bytes());
  const std::vector<float> intensities = intensity_table(normalisation, graph_.input.channels);
  memory_.pixel_table = DeviceMemory(intensities.size() * sizeof(float));
  stream_.copy(memory_.pixel_table.data(), intensities.data(), memory_.pixel_table.bytes());
  stream_.synchronize("tables of weights and intensities");
}

/// CUDA's idea of the current GPU belongs to each thread.
void CudaEngine::use_device() const {
  check_cuda(cudaSetDevice(options_.device), "choosing the GPU");
}

void CudaEngine::compile_training(int batch_size) {
  trains_ = true;
  program(batch_size, true);
}

void CudaEngine::compile_inference(int batch_size) {
  program(batch_size, false);
}

CompiledProgram& CudaEngine::program(int batch_size, bool training) {
  auto& entry = programs_[{batch_size, training}];
  if (!entry) entry = compile(graph_, batch_size, training);
  return *entry;
}

std::unique_ptr<CompiledProgram> CudaEngine::compile(const Graph& graph, int batch_size,
                                                     bool training) {
  use_device();
  const std::string doing =
      fmt::format("{} {} images of", training ? "training on" : "evaluating", batch_size);
  return with_memory_advice(doing, [&] {
    DeviceProgram program = lower(graph, batch_size, type_, training, kGroupValues);
    make_room(program.planned_bytes, 0);  // first, as plans take minutes
    auto compiled = std::make_unique<CompiledProgram>(std::move(program), layout_, plans_,
                                                      handle_.get(), stream_, options_.cuda_graphs);
    make_room(0, compiled->workspace_bytes());
    compiled->bind(memory_);
    return compiled;
  });
}

/// Larger memory lies elsewhere, so that every program must learn of it. It is shared, as one
/// program runs at a time: a last batch of few images takes nothing more, nor does an evaluation.
void CudaEngine::make_room(std::size_t activations, std::size_t workspace) {
  if (activations <= memory_.activations.bytes() && workspace <= memory_.workspace.bytes()) return;
  const auto grow = [](DeviceMemory& memory, std::size_t bytes) {
    if (bytes <= memory.bytes()) return;
    memory = {};  // CUDA frees it when nothing on the GPU uses it
    memory = DeviceMemory(bytes);
  };
  grow(memory_.activations, activations);
  grow(memory_.workspace, workspace);
  for (const auto& [key, compiled] : programs_) {
    if (compiled) compiled->bind(memory_);
  }
  for (const Resized& entry : resized_) entry.program->bind(memory_);
}

/// The inference program for images of another size; the one used longest ago makes room.
CompiledProgram& CudaEngine::resized_program(const Batch& batch) {
  const Shape input{graph_.input.channels, batch.height, batch.width};
  const auto found = std::ranges::find_if(resized_, [&](const Resized& entry) {
    return entry.batch_size == batch.size && entry.input == input;
  });
  if (found != resized_.end()) {
    resized_.splice(resized_.begin(), resized_, found);
    return *resized_.front().program;
  }
  if (resized_.size() >= kMaxResizedPrograms) resized_.pop_back();
  const Graph graph = with_input_size(graph_, batch.height, batch.width);
  resized_.push_front({batch.size, input, compile(graph, batch.size, false)});
  return *resized_.front().program;
}

void CudaEngine::set_parameters(std::span<const float> arena) {
  if (arena.size() != graph_.parameter_count) {
    throw std::invalid_argument(fmt::format("{} has {} parameters, not {}", graph_.spec.name,
                                            graph_.parameter_count, arena.size()));
  }
  host_parameters_ = arena;
  parameters_are_new_ = has_parameters_ = true;
}

void CudaEngine::pack(const float* arena, ArenaRange range) {
  has_parameters_ = true;
  parameters_are_new_ = false;
  pack_parameters(arena, weight_entries_.as<kernels::ParameterEntry>(),
                  static_cast<int>(layout_.parameters.size()), range, stream_.get());
}

void CudaEngine::require_parameters() const {
  if (!has_parameters_ && graph_.parameter_count > 0) {
    throw std::logic_error("an engine needs parameters (set_parameters) before its first pass");
  }
}

void CudaEngine::refresh_parameters() {
  if (!parameters_are_new_) return;
  // Between passes nothing is in the gradient arena that anybody needs.
  stream_.copy(gradients_.data(), host_parameters_.data(), host_parameters_.size_bytes());
  pack(gradients_.data(), {0, graph_.parameter_count});
}

void CudaEngine::require_pixel_table(const Batch& batch) const {
  if (batch.normalised.empty() && memory_.pixel_table.bytes() == 0) {
    throw std::invalid_argument("an engine without normalisation takes normalised images only");
  }
}

DeviceBatch CudaEngine::stage(const Batch& batch, float loss_scale) {
  use_device();
  require_pixel_table(batch);
  return with_memory_advice(fmt::format("bringing {} images to", batch.size),
                            [&] { return staging_.stage(batch, loss_scale); });
}

const CompiledProgram& CudaEngine::issue_training(int batch_size, const DeviceBatch& batch,
                                                  const GradientReady& on_ready) {
  CompiledProgram& compiled = program(batch_size, true);
  staging_.await(batch, stream_);
  compiled.import(batch);
  staging_.done(batch, stream_);
  for (std::size_t i = 0; i < compiled.segments().size(); ++i) {
    compiled.run(i);
    const std::size_t ready = compiled.segments()[i].ready;
    if (on_ready && ready > 0) on_ready(ready);
  }
  return compiled;
}

BatchMetrics CudaEngine::train(const Batch& batch, float loss_scale, std::span<float> gradients,
                               std::span<float> statistics, const GradientReady& on_ready) {
  use_device();
  require_parameters();
  check_batch(graph_, batch, true);
  refresh_parameters();
  std::vector<float> padded;
  if (!statistics.empty()) {
    padded = padded_statistics(statistics);
    stream_.copy(memory_.statistics.data(), padded.data(), memory_.statistics.bytes());
  }
  std::size_t announced = 0;
  const auto bring = [&](std::size_t ready) {
    stream_.copy(gradients.data() + announced, gradients_.data() + announced,
                 (ready - announced) * sizeof(float));
    announced = ready;
    if (!on_ready) return;
    stream_.synchronize("gradients");
    on_ready(ready);
  };
  const CompiledProgram& compiled = issue_training(batch.size, stage(batch, loss_scale), bring);
  if (!statistics.empty()) {
    stream_.copy(padded.data(), memory_.moved_statistics.data(), memory_.moved_statistics.bytes());
  }
  const BatchMetrics metrics = read_results(compiled, batch, {});
  if (!statistics.empty()) unpad_statistics(padded, statistics);
  return metrics;
}

BatchMetrics CudaEngine::evaluate(const Batch& batch, std::span<const float> statistics,
                                  std::span<float> logits) {
  use_device();
  require_parameters();
  check_batch(graph_, batch, false);
  CompiledProgram& compiled =
      has_own_size(graph_, batch) ? program(batch.size, false) : resized_program(batch);
  require_room_for_logits(compiled.program(), logits.size());
  refresh_parameters();
  const std::vector<float> padded = padded_statistics(statistics);
  stream_.copy(memory_.statistics.data(), padded.data(), memory_.statistics.bytes());
  require_pixel_table(batch);
  // The last evaluation is over: nothing else reads the buffer.
  compiled.import(with_memory_advice(fmt::format("bringing {} images to", batch.size),
                                     [&] { return evaluated_.bring(batch, 0, stream_); }));
  for (std::size_t i = 0; i < compiled.segments().size(); ++i) compiled.run(i);
  return read_results(compiled, batch, logits);
}

/// Waits for a pass, and brings its metrics and, where there is room for it, its output 0.
BatchMetrics CudaEngine::read_results(const CompiledProgram& compiled, const Batch& batch,
                                      std::span<float> logits) const {
  std::vector<kernels::RowMetrics> rows(compiled.metric_count());
  if (!batch.labels.empty()) {
    stream_.copy(rows.data(), compiled.metrics(), rows.size() * sizeof(kernels::RowMetrics));
  }
  std::vector<std::byte> raw;
  if (!logits.empty()) {
    raw.resize(bytes_of_logits(compiled.program()));
    stream_.copy(raw.data(), compiled.output(0), raw.size());
  }
  stream_.synchronize("results of a pass");
  if (!logits.empty()) unpack_logits(compiled.program(), raw, logits);
  if (!batch.labels.empty()) return summed(rows);
  BatchMetrics metrics;
  metrics.images = static_cast<std::int64_t>(rows.size());
  return metrics;
}

BatchMetrics CudaEngine::summed(std::span<const kernels::RowMetrics> rows) {
  BatchMetrics metrics;
  for (const kernels::RowMetrics& row : rows) {
    metrics.loss_sum += row.loss;
    metrics.top1_correct += row.before < 1 ? 1 : 0;
    metrics.top5_correct += row.before < 5 ? 1 : 0;
    ++metrics.images;
  }
  return metrics;
}

std::vector<float> CudaEngine::padded_statistics(std::span<const float> statistics) const {
  std::vector<float> padded(statistic_layout_.bytes / sizeof(float), 0.0F);
  for (std::size_t i = 0; i < graph_.statistics.size(); ++i) {
    const Statistic& statistic = graph_.statistics[i];
    const auto values = statistics.subspan(statistic.offset, statistic.count);
    std::ranges::copy(
        values, padded.begin() + std::ptrdiff_t(statistic_layout_.offsets[i] / sizeof(float)));
  }
  return padded;
}

void CudaEngine::unpad_statistics(std::span<const float> padded,
                                  std::span<float> statistics) const {
  for (std::size_t i = 0; i < graph_.statistics.size(); ++i) {
    const Statistic& statistic = graph_.statistics[i];
    const auto values =
        padded.subspan(statistic_layout_.offsets[i] / sizeof(float), statistic.count);
    std::ranges::copy(values, statistics.begin() + std::ptrdiff_t(statistic.offset));
  }
}

std::size_t CudaEngine::memory_bytes() const {
  std::size_t bytes = gradients_.bytes() + memory_.weights.bytes() + memory_.statistics.bytes() +
                      memory_.moved_statistics.bytes() + memory_.activations.bytes() +
                      memory_.workspace.bytes() + weight_entries_.bytes();
  for (const auto& [key, compiled] : programs_) bytes += compiled->memory_bytes();
  for (const Resized& entry : resized_) bytes += entry.program->memory_bytes();
  return bytes;
}

}  // namespace resnext::net::cuda
