#include "net/cpu/weight_gradient.h"

#include <fmt/format.h>

#include "net/cpu/correlation.h"
#include "net/cpu/correlation_plan.h"
#include "net/cpu/thread_sums.h"
#include "net/cpu/thread_team.h"

namespace resnext::net::cpu {
namespace {

/// 1x1 without groups: a product of two matrices over the pixels.
class PointwiseGradient final : public WeightGradient {
 public:
  PointwiseGradient(Builder& builder, const MatrixGradient& shape, int pixels)
      : kernels_(builder.kernels), shape_(shape), pixels_(pixels), threads_(builder.threads) {
    // Sharing pixels costs a gradient for each thread and their sum; sharing outputs, that each
    // thread copies all inputs. The factor is from the bytes that each takes.
    shares_outputs_ = threads_ > 1 && shape_.outputs * 6 > pixels_;
    builder.need_workspace((output_values() + input_values()) * sizeof(float));
    if (!shares_outputs_ && threads_ > 1) {
      partial_ = builder.add_buffer(weights() * (threads_ - 1) * sizeof(float));
    }
  }

  void bind(const Placement& placement) override {
    partial_sums_ = placement.floats(partial_);
    workspaces_.clear();
    for (int thread = 0; thread < threads_; ++thread) {
      auto* values = reinterpret_cast<float*>(placement.workspace(thread));
      workspaces_.push_back({values, values + output_values()});
    }
  }

  void run(const Operand& inputs, const Operand& gradients, std::span<float> canonical) override {
    on_each_thread(threads_, [&](int thread) {
      float* out = canonical.data();
      if (!shares_outputs_ && thread > 0) out = partial_sums_ + (thread - 1) * weights();
      const MatrixGradientPart part = part_of(thread);
      if (part.first_pixel == part.pixel_end) std::fill_n(out, weights(), 0.0F);
      kernels_.matrix_gradient(shape_, part, inputs, gradients, workspaces_[thread], out);
    });
    if (!shares_outputs_ && threads_ > 1) add_partial_sums(canonical);
  }

  std::string implementation() const override {
    return fmt::format("{} product over pixels, {} shared", kernels_.name,
                       shares_outputs_ ? "outputs" : "pixels");
  }

 private:
  std::size_t weights() const { return std::size_t(shape_.outputs) * shape_.inputs; }
  static constexpr std::size_t kSpare = 64;  ///< panels are filled up, and vectors written whole
  std::size_t output_values() const { return kPixelRun * (kOutputRun + kSpare); }
  std::size_t input_values() const { return kPixelRun * (shape_.inputs + kSpare); }

  MatrixGradientPart part_of(int thread) const {
    MatrixGradientPart part{0, pixels_, 0, shape_.outputs};
    if (shares_outputs_) {
      const Share share = share_of(shape_.outputs, thread, threads_);
      part.first_output = share.first;
      part.output_end = share.end;
    } else {
      const Share share = share_of(pixels_, thread, threads_);
      part.first_pixel = share.first;
      part.pixel_end = share.end;
    }
    return part;
  }

  void add_partial_sums(std::span<float> canonical) const {
    on_each_thread(threads_, [&](int thread) {
      const Share rows = share_of(shape_.outputs, thread, threads_);
      const std::size_t first = std::size_t(rows.first) * shape_.inputs;
      const std::size_t count = std::size_t(rows.count()) * shape_.inputs;
      for (int t = 1; t < threads_; ++t) {
        const float* addend = partial_sums_ + (t - 1) * weights() + first;
        for (std::size_t i = 0; i < count; ++i) canonical[first + i] += addend[i];
      }
    });
  }

  const KernelSet& kernels_;
  MatrixGradient shape_;
  int pixels_ = 0, threads_ = 1;
  bool shares_outputs_ = false;
  BufferId partial_ = -1;
  float* partial_sums_ = nullptr;
  std::vector<MatrixGradientWorkspace> workspaces_;
};

/// Any kernel and cardinality.
class WindowedGradient final : public WeightGradient {
 public:
  WindowedGradient(Builder& builder, int node)
      : kernels_(builder.kernels), threads_(builder.threads) {
    const Node& entry = builder.graph.nodes[node];
    const Shape& input = builder.graph.nodes[entry.inputs.front()].output;
    packing_.plan = plan_correlation(forward_shape(entry, input, builder.batch_size), kernels_);
    packing_.lanes = kernels_.lanes;
    packing_.kernel = entry.window.kernel;
    builder.need_workspace((slab_values() + gradient_values()) * sizeof(float));
    partial_ = builder.add_buffer(packing_.count() * threads_ * sizeof(float));
  }

  void bind(const Placement& placement) override {
    partial_sums_ = {placement.floats(partial_), packing_.count() * threads_};
    workspaces_.clear();
    for (int thread = 0; thread < threads_; ++thread) {
      auto* values = reinterpret_cast<float*>(placement.workspace(thread));
      workspaces_.push_back({values, values + slab_values()});
    }
  }

  void run(const Operand& inputs, const Operand& gradients, std::span<float> canonical) override {
    const CorrelationPlan& plan = packing_.plan;
    on_each_thread(threads_, [&](int thread) {
      const Share rows = share_of(plan.shape.images * plan.shape.height, thread, threads_);
      float* sums = partial_sums_.data() + thread * packing_.count();
      std::fill_n(sums, packing_.count(), 0.0F);
      kernels_.kernel_gradient(plan, {rows.first, rows.end}, inputs, gradients, workspaces_[thread],
                               sums);
    });
    unpack_gradient(packing_, partial_sums_, threads_, threads_, canonical);
  }

  std::string implementation() const override {
    return packing_.plan.spread > 0 ? fmt::format("{} windows, groups of {} in a vector",
                                                  kernels_.name, packing_.plan.spread)
                                    : fmt::format("{} windows", kernels_.name);
  }

 private:
  std::size_t slab_values() const {
    return (packing_.plan.slab_total + kVectorSlack) / kVectorSlack * kVectorSlack;
  }
  std::size_t gradient_values() const {
    const CorrelationPlan& plan = packing_.plan;
    const std::size_t outputs = most_outputs(plan);
    return plan.fill_groups * (outputs * plan.output_vectors + 1) * packing_.lanes + kVectorSlack;
  }

  const KernelSet& kernels_;
  int threads_;
  WeightPacking packing_;
  BufferId partial_ = -1;
  std::span<float> partial_sums_;
  std::vector<KernelGradientWorkspace> workspaces_;
};

}  // namespace

std::unique_ptr<WeightGradient> make_matrix_gradient(Builder& builder, const MatrixGradient& shape,
                                                     int pixels) {
  return std::make_unique<PointwiseGradient>(builder, shape, pixels);
}

std::unique_ptr<WeightGradient> make_weight_gradient(Builder& builder, int node) {
  const Node& entry = builder.graph.nodes[node];
  const bool pointwise = entry.groups == 1 && entry.window.kernel == 1 && entry.window.padding == 0;
  if (pointwise) {
    const Shape& input = builder.graph.nodes[entry.inputs.front()].output;
    return make_matrix_gradient(
        builder,
        {entry.output.channels, input.channels, entry.output.height, entry.output.width,
         input.height, input.width, entry.window.stride},
        builder.pixels_of(node));
  }
  return std::make_unique<WindowedGradient>(builder, node);
}

}  // namespace resnext::net::cpu
