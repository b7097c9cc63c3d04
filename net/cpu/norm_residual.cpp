#include "net/cpu/norm_residual.h"

#include <algorithm>
#include <optional>

#include <omp.h>

#include "net/cpu/batch_norm_channels.h"
#include "net/cpu/channel_layout.h"
#include "net/cpu/reordering.h"
#include "net/cpu/vector_kernels.h"

namespace resnext::net::cpu {
namespace {

int count_consumers(const Graph& graph, int node) {
  int count = 0;
  for (const Node& other : graph.nodes) {
    count += static_cast<int>(std::count(other.inputs.begin(), other.inputs.end(), node));
  }
  return count;
}

/// A branch compiled: its input in the layer's layout, and its batch-norm if it has one.
struct CompiledBranch {
  int source = -1;
  SourceReordering input;
  std::optional<BatchNormChannels> norm;
  GradientReordering gradient;
  bool copies_gradient = false;  ///< a second branch without batch-norm gets a copy of its own
};

class NormResidual final : public Layer {
 public:
  NormResidual(Builder& builder, const NormResidualPattern& pattern)
      : graph_(builder.graph),
        pattern_(with_norms_first(pattern)),
        descriptor_(builder.values[pattern_.branches.front().source].descriptor),
        layout_(channel_layout(descriptor_)),
        kernels_(vector_kernels()),
        training_(builder.training) {
    branches_.reserve(pattern_.branches.size());
    for (const ResidualBranch& branch : pattern_.branches) {
      CompiledBranch& added = branches_.emplace_back();
      added.source = branch.source;
      added.input = SourceReordering(builder, branch.source, descriptor_);
      if (branch.batch_norm >= 0) added.norm.emplace(graph_, branch.batch_norm, layout_);
    }
    output_buffer_ = builder.add_buffer(descriptor_);
    builder.values[pattern_.output] = {descriptor_, output_buffer_};
    gradient_sums_.resize(std::size_t(layout_.images) * layout_.padded_channels());
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, pattern_.output, 2);
    if (pattern_.relu) builder.use(output_buffer_);
    bool gradient_taken = false;
    for (CompiledBranch& branch : branches_) {
      BufferId buffer = gradient_.buffer();
      if (branch.norm) {
        branch.input.use(builder);
        buffer =
            can_overwrite(branch.source) ? branch.input.buffer() : builder.add_buffer(descriptor_);
      } else {
        branch.copies_gradient = gradient_taken;
        if (gradient_taken) buffer = builder.add_buffer(descriptor_);
        gradient_taken = true;
      }
      branch.gradient = GradientReordering(builder, branch.source, descriptor_, buffer);
    }
  }

  void bind(const Placement& placement, const dnnl::engine& engine) override {
    for (CompiledBranch& branch : branches_) branch.input.bind(placement, engine);
    output_ = placement.floats(output_buffer_);
    if (!training_) return;
    gradient_.bind(placement);
    for (CompiledBranch& branch : branches_) branch.gradient.bind(placement, engine);
  }

  void forward(Run& run) override {
    for (CompiledBranch& branch : branches_) {
      branch.input.forward(run);
      if (branch.norm && !training_) branch.norm->use_running_statistics(run);
    }
    for_each_block([&](int b, bool parallel_images) { forward_block(run, b, parallel_images); });
  }

  void backward(Run& run) override {
    gradient_.run();
    for_each_block([&](int b, bool parallel_images) { backward_block(run, b, parallel_images); });
    for (CompiledBranch& branch : branches_) {
      if (branch.copies_gradient) {
        std::copy_n(gradient_.first(), layout_.values(), values(branch.gradient.memory()));
      }
      branch.gradient.backward(run);
    }
  }

  std::vector<int> parameters() const override {
    std::vector<int> all;
    for (const CompiledBranch& branch : branches_) {
      if (!branch.norm) continue;
      const auto& own = graph_.nodes[branch.norm->node()].parameters;
      all.insert(all.end(), own.begin(), own.end());
    }
    return all;
  }

 private:
  static NormResidualPattern with_norms_first(NormResidualPattern pattern) {
    std::stable_partition(pattern.branches.begin(), pattern.branches.end(),
                          [](const ResidualBranch& branch) { return branch.batch_norm >= 0; });
    return pattern;
  }

  static float* values(const dnnl::memory& memory) {
    return static_cast<float*>(memory.get_data_handle());
  }

  /// A convolution's output is read by nothing but its batch-norm: its gradient may take its place.
  bool can_overwrite(int source) const {
    return graph_.nodes[source].op == Op::kConvolution && count_consumers(graph_, source) == 1;
  }

  /// Runs `body(block, parallel_images)`: threads share the channel blocks, or, where there are too
  /// few, the images of each block. Either way every sum has the same order.
  template <typename Body>
  void for_each_block(const Body& body) const {
    if (layout_.blocks >= omp_get_max_threads()) {
#pragma omp parallel for schedule(static)
      for (int b = 0; b < layout_.blocks; ++b) body(b, false);
    } else {
      for (int b = 0; b < layout_.blocks; ++b) body(b, true);
    }
  }

  template <typename Body>
  void for_each_image(bool parallel, const Body& body) const {
#pragma omp parallel for schedule(static) if (parallel)
    for (int n = 0; n < layout_.images; ++n) body(n);
  }

  void forward_block(Run& run, int b, bool parallel_images) {
    if (training_) {
      for (CompiledBranch& branch : branches_) {
        if (branch.norm) take_moments(branch, run, b, parallel_images);
      }
    }
    for_each_image(parallel_images, [&](int n) {
      AffineOperand operands[2];
      for (std::size_t i = 0; i < branches_.size(); ++i) {
        const CompiledBranch& branch = branches_[i];
        operands[i].values = values(branch.input.memory()) + layout_.offset(n, b);
        if (!branch.norm) continue;
        operands[i].scale = branch.norm->scale(b);
        operands[i].shift = branch.norm->shift(b);
      }
      kernels_.normalise(operands[0], operands[1], pattern_.relu, layout_.pixels, layout_.block,
                         output_ + layout_.offset(n, b));
    });
  }

  void take_moments(CompiledBranch& branch, Run& run, int b, bool parallel_images) {
    const float* x = values(branch.input.memory());
    branch.norm->set_pivot(b, x + layout_.offset(0, b));
    for_each_image(parallel_images, [&](int n) {
      kernels_.moments(x + layout_.offset(n, b), branch.norm->pivot(b), layout_.pixels,
                       layout_.block, branch.norm->partial_sum(n, b),
                       branch.norm->partial_square(n, b));
    });
    branch.norm->finish_moments(b, run);
  }

  void backward_block(Run& run, int b, bool parallel_images) {
    for_each_image(parallel_images, [&](int n) { reduce(n, b); });
    for (CompiledBranch& branch : branches_) {
      if (!branch.norm) continue;
      BatchNormChannels& norm = *branch.norm;
      norm.finish_gradient(b, run, gradient_sums_);
      for_each_image(parallel_images, [&](int n) {
        const std::size_t at = layout_.offset(n, b);
        kernels_.input_gradient(gradient_.first() + at, values(branch.input.memory()) + at,
                                norm.slope_g(b), norm.slope_x(b), norm.offset(b), layout_.pixels,
                                layout_.block, values(branch.gradient.memory()) + at);
      });
    }
  }

  void reduce(int n, int b) {
    const std::size_t at = layout_.offset(n, b);
    GradientReduction r;
    r.gradient = r.masked = gradient_.first() + at;
    if (gradient_.second() != nullptr) r.second_gradient = gradient_.second() + at;
    if (pattern_.relu) r.output = output_ + at;
    for (std::size_t i = 0; i < branches_.size(); ++i) {
      if (!branches_[i].norm) continue;
      r.inputs[i] = values(branches_[i].input.memory()) + at;
      r.means[i] = branches_[i].norm->mean(b);
      r.products[i] = branches_[i].norm->partial_square(n, b);
      r.sum = &gradient_sums_[branches_[i].norm->index(n, b)];
    }
    const bool nothing_to_do =
        r.inputs[0] == nullptr && r.output == nullptr && r.second_gradient == nullptr;
    if (!nothing_to_do) kernels_.reduce_gradient(r, layout_.pixels, layout_.block);
  }

  const Graph& graph_;
  NormResidualPattern pattern_;
  dnnl::memory::desc descriptor_;
  ChannelLayout layout_;
  const VectorKernels& kernels_;
  bool training_;
  std::vector<CompiledBranch> branches_;
  BufferId output_buffer_ = -1;
  float* output_ = nullptr;
  GradientSum gradient_;
  std::vector<float> gradient_sums_;  ///< image by padded channel; the same for all branches
};

}  // namespace

std::unique_ptr<Layer> make_norm_residual(Builder& builder, const NormResidualPattern& pattern) {
  return std::make_unique<NormResidual>(builder, pattern);
}

}  // namespace resnext::net::cpu
