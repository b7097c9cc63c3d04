#include "net/cuda/gpu_step.h"

#include "net/cuda/kernels/kernel_data.h"

namespace resnext::net::cuda {

GpuStep::GpuStep(std::unique_ptr<CudaEngine> engine, const StepArrays& arrays,
                 const StepOptions& options, const RankPosition& position)
    : engine_(std::move(engine)),
      arrays_(arrays),
      options_(options),
      rows_(std::size_t(options.local_batches)) {
  engine_->with_memory_advice("making room for the weights, momentum and gradients of", [&] {
    statistics_ = DeviceMemory(engine_->statistics().bytes());
    reduction_ = std::make_unique<DeviceReduction>(*engine_, options, position, arrays.parameters);
  });
  const std::vector<float> padded = engine_->padded_statistics(arrays.statistics);
  engine_->stream().copy(statistics_.data(), padded.data(), statistics_.bytes());
  engine_->stream().synchronize("first statistics");
}

void GpuStep::set_momentum(std::span<const float> whole) {
  reduction_->set_momentum(whole);
}

void GpuStep::begin(float learning_rate) {
  if (weights_are_stale_) {
    engine_->pack(reduction_->parameters().data(), {0, arrays_.parameters.size()});
    weights_are_stale_ = false;
  }
  reduction_->begin(learning_rate);
  batch_ = 0;
}

void GpuStep::train(const Batch& batch, float loss_scale, bool keeps_statistics) {
  const bool last = batch_ + 1 == rows_.size();
  if (batch.size == 0) {
    engine_->stream().clear(engine_->gradients().data(), engine_->gradients().bytes());
    rows_[batch_].count = 0;
  } else {
    compute(batch, loss_scale, keeps_statistics, last);
  }
  if (!last) reduction_->add();
  ++batch_;
}

void GpuStep::announce(const Batch& batch, float loss_scale) {
  if (batch.size > 0) announced_ = engine_->stage(batch, loss_scale);
}

void GpuStep::compute(const Batch& batch, float loss_scale, bool keeps_statistics, bool last) {
  const Stream& stream = engine_->stream();
  if (keeps_statistics) {
    stream.copy(engine_->statistics().data(), statistics_.data(), statistics_.bytes());
  }
  const DeviceBatch staged = announced_ ? *announced_ : engine_->stage(batch, loss_scale);
  announced_.reset();
  const auto on_ready = [this](std::size_t ready) { reduction_->ready(ready); };
  const CompiledProgram& program =
      engine_->issue_training(batch.size, staged, last ? GradientReady(on_ready) : GradientReady());
  if (keeps_statistics) {
    stream.copy(statistics_.data(), engine_->moved_statistics().data(), statistics_.bytes());
  }
  bring_metrics(program);
}

void GpuStep::bring_metrics(const CompiledProgram& program) {
  Rows& rows = rows_[batch_];
  rows.count = program.metric_count();
  const std::size_t bytes = rows.count * sizeof(kernels::RowMetrics);
  if (rows.memory.bytes() < bytes) rows.memory = PinnedMemory(bytes);
  engine_->stream().copy(rows.memory.as<std::byte>(), program.metrics(), bytes);
}

void GpuStep::finish() {
  engine_->stream().record(metrics_there_);
  reduction_->finish();
  engine_->pack(reduction_->parameters().data(), {0, arrays_.parameters.size()});
  reduction_->wait();
  metrics_there_.synchronize();
  metrics_.clear();
  for (const Rows& rows : rows_) {
    metrics_.push_back(
        CudaEngine::summed({rows.memory.as<const kernels::RowMetrics>(), rows.count}));
  }
  if (options_.clip_norm > 0) norm_ = reduction_->gradient_norm();
}

void GpuStep::refresh_host() {
  const Stream& stream = engine_->stream();
  stream.copy(arrays_.parameters.data(), reduction_->parameters().data(),
              arrays_.parameters.size_bytes());
  std::vector<float> padded(statistics_.bytes() / sizeof(float));
  stream.copy(padded.data(), statistics_.data(), statistics_.bytes());
  stream.synchronize("weights and statistics to keep");
  engine_->unpad_statistics(padded, arrays_.statistics);
}

std::vector<float> GpuStep::gather_momentum(std::vector<float> reused) {
  return reduction_->gather_momentum(std::move(reused));
}

Engine& GpuStep::engine() {
  weights_are_stale_ = true;
  return *engine_;
}

}  // namespace resnext::net::cuda
