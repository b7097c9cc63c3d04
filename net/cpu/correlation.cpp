#include "net/cpu/correlation.h"

#include <fmt/format.h>

#include "net/cpu/thread_sums.h"
#include "net/cpu/thread_team.h"
#include "net/cpu/weight_store.h"

namespace resnext::net::cpu {
namespace {

/// Rows counted through all images.
Share rows_of(const CorrelationPlan& plan, int thread, int threads) {
  return share_of(plan.shape.images * plan.shape.height, thread, threads);
}

std::size_t whole_lines(std::size_t values) {
  return (values + kVectorSlack - 1) / kVectorSlack * kVectorSlack;
}

}  // namespace

std::size_t workspace_bytes(const CorrelationPlan& plan) {
  return sizeof(float) * (whole_lines(plan.slab_total) + whole_lines(plan.sums_total) +
                          whole_lines(plan.pixels_total));
}

Correlation::Correlation(Builder& builder, int parameter, const WeightPacking& packing)
    : kernels_(&builder.kernels),
      packing_(packing),
      threads_(builder.threads),
      parameter_(parameter),
      store_(&builder.weights) {
  if (builder.training) {
    packed_ = builder.add_buffer(packing.count() * sizeof(float));
  } else {
    kept_ = builder.weights.copy(parameter, packing);
  }
  builder.need_workspace(workspace_bytes(plan()));
}

void Correlation::bind(const Placement& placement) {
  packed_values_ = placement.floats(packed_);
  workspaces_ = placement.workspaces;
  workspace_bytes_ = placement.builder.workspace_bytes;
}

CorrelationWorkspace Correlation::workspace(int thread) const {
  auto* values = reinterpret_cast<float*>(workspaces_ + thread * workspace_bytes_);
  float* sums = values + whole_lines(plan().slab_total);
  float* pixels = sums + whole_lines(plan().sums_total);
  return {values, sums, reinterpret_cast<std::int32_t*>(pixels)};
}

void Correlation::run(const Operand& operand,
                      const std::function<CorrelationOutput(int)>& output) const {
  if (kept_ == nullptr) {
    on_each_thread(threads_, [&](int thread) {
      packing_.pack(store_->canonical(parameter_), packed_values_, thread, threads_);
    });
  }
  const float* weights = kept_ != nullptr ? kept_ : packed_values_;
  on_each_thread(threads_, [&](int thread) {
    const Share rows = rows_of(plan(), thread, threads_);
    CorrelationOutput out = output(thread);
    kernels_->correlate(plan(), {rows.first, rows.end}, operand, weights, out, workspace(thread));
  });
}

std::size_t Correlation::pixels(int thread) const {
  return std::size_t(rows_of(plan(), thread, threads_).count()) * plan().shape.width;
}

std::size_t Correlation::all_pixels() const {
  return std::size_t(plan().shape.images) * plan().shape.height * plan().shape.width;
}

std::string Correlation::implementation() const {
  if (plan().spread > 0) {
    return fmt::format("{} {} groups of {} a vector", kernels_->name,
                       kernels_->lanes / plan().spread, plan().spread);
  }
  const bool windowed = plan().shape.kernel_height * plan().shape.kernel_width > 1;
  return fmt::format("{} {}, {} x {} inputs, {} vectors", kernels_->name,
                     windowed ? "windows" : "pixels", plan().chunks, plan().chunk,
                     plan().output_vectors);
}

}  // namespace resnext::net::cpu
