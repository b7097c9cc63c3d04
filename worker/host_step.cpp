#include "worker/host_step.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace resnext::worker {

HostStep::HostStep(std::unique_ptr<net::Engine> engine, const net::StepArrays& arrays,
                   const net::StepOptions& options)
    : engine_(std::move(engine)),
      arrays_(arrays),
      local_batches_(static_cast<std::size_t>(options.local_batches)),
      local_sum_(arrays.parameters.size(), options.local_batches),
      reduction_(arrays.parameters.size(), options.bucket_values,
                 options.exact ? ReductionMode::kExact : ReductionMode::kFast, options.sgd,
                 options.timeout, options.clip_norm) {
  metrics_.reserve(local_batches_);
}

void HostStep::begin(float learning_rate) {
  metrics_.clear();
  local_sum_.reset();
  engine_->set_parameters(arrays_.parameters);  // new ones, or others were evaluated meanwhile
  reduction_.begin(local_sum_, arrays_.parameters, learning_rate);
}

void HostStep::train(const net::Batch& batch, float loss_scale, bool keeps_statistics) {
  if (metrics_.size() == local_batches_) {
    throw std::logic_error("a step was given more micro-batches than it was made for");
  }
  const bool last = metrics_.size() + 1 == local_batches_;
  const std::span<float> gradient = local_sum_.next_gradient();
  net::BatchMetrics metrics;
  if (batch.size == 0) {
    std::fill(gradient.begin(), gradient.end(), 0.0F);
  } else {
    const auto on_ready = [this](std::size_t ready) { reduction_.ready(ready); };
    metrics = engine_->train(batch, loss_scale, gradient,
                             keeps_statistics ? arrays_.statistics : std::span<float>(),
                             last ? net::GradientReady(on_ready) : net::GradientReady());
  }
  if (!last) local_sum_.add();
  metrics_.push_back(metrics);
}

}  // namespace resnext::worker
