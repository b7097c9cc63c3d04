#include "net/cpu/norm_residual.h"

#include <algorithm>
#include <list>

#include "net/cpu/batch_norm.h"
#include "net/cpu/gradient_sink.h"
#include "net/cpu/recomputed.h"
#include "net/cpu/thread_team.h"
#include "net/cpu/value_reader.h"

namespace resnext::net::cpu {
namespace {

bool is_output(const Graph& graph, int node) {
  return std::ranges::find(graph.outputs, node) != graph.outputs.end();
}

/// Whether every reader of `node` applies what is pending on it.
bool readers_normalise(const Graph& graph, int node) {
  if (is_output(graph, node)) return false;
  return std::ranges::all_of(graph.nodes, [node](const Node& reader) {
    const bool reads = std::ranges::find(reader.inputs, node) != reader.inputs.end();
    return !reads || reader.op == Op::kConvolution || reader.op == Op::kMaxPool;
  });
}

/// A branch compiled: its input, and its batch-norm if it has one.
struct CompiledBranch {
  int source = -1;
  ValueReader input;
  BatchNorm* norm = nullptr;
  /// A convolution that nothing else reads takes the moments, and its gradient stays pending.
  bool fused = false;
  BufferId gradient = -1;  ///< of the source, where this layer computes it
  void* gradient_values = nullptr;
};

class NormResidual final : public Layer, public GradientSink, public Recomputed {
 public:
  NormResidual(Builder& builder, const NormResidualPattern& pattern)
      : graph_(builder.graph),
        pattern_(with_norms_first(pattern)),
        kernels_(builder.kernels),
        threads_(builder.threads),
        pixels_(builder.pixels_of(pattern.output)),
        channels_(builder.graph.nodes[pattern.output].output.channels),
        training_(builder.training),
        precision_(builder.precision) {
    for (const ResidualBranch& branch : pattern_.branches) add_branch(builder, branch);
    pending_ = branches_.size() == 1 && branches_[0].norm != nullptr &&
               readers_normalise(graph_, pattern_.output);
    if (pending_) {
      const Value& input = branches_[0].input.value();
      builder.values[pattern_.output] = {input.owner, input.buffer, precision_, branches_[0].norm,
                                         pattern_.relu};
    } else {
      output_buffer_ = builder.add_activation(pattern_.output);
      builder.values[pattern_.output] = {pattern_.output, output_buffer_, precision_};
      count_others_before(builder);
      if (training_ && others_before_ < kMostRecomputedInARow &&
          !is_output(graph_, pattern_.output)) {
        builder.recomputed[pattern_.output] = this;
      }
    }
    sums_ = ThreadSums(threads_, channels_, 1 + static_cast<int>(norms_.size()));
    if (training_ && !norms_.empty()) builder.sinks[pattern_.output] = this;
  }

  int others_before() const override { return others_before_; }

  BufferId plan_recomputation(Builder& builder) override {
    for (CompiledBranch& branch : branches_) branch.input.read_again(builder);
    recomputed_buffer_ = builder.add_activation(pattern_.output);
    return recomputed_buffer_;
  }

  void recompute(Run& run) override {
    const PassTimer timer(run.clock, *this, kRecompute);
    join_branches(recomputed_, &ValueReader::operand_again);
  }

  void take_gradient(Builder& builder) override {
    taken_ = true;
    read_for_gradient(builder);
  }

  void plan_backward(Builder& builder) override {
    if (taken_) {
      gradient_buffer_ = builder.gradients[pattern_.output].front();
      builder.use(gradient_buffer_);
    } else {
      gradient_ = GradientSum(builder, pattern_.output, 2);
      gradient_buffer_ = gradient_.buffer();
      read_for_gradient(builder);
    }
    bool passed_on = false;
    for (CompiledBranch& branch : branches_) {
      if (branch.norm != nullptr && branch.fused) {
        builder.pending_gradients[branch.source] = {branch.norm, gradient_buffer_};
        builder.gradients_to_be_read.push_back(gradient_buffer_);
        continue;
      }
      if (branch.norm == nullptr && !passed_on) {
        passed_on = true;
        builder.add_gradient(branch.source, gradient_buffer_);
        continue;
      }
      if (branch.norm != nullptr) branch.input.read_again(builder);
      branch.gradient = builder.add_activation(branch.source);
      builder.add_gradient(branch.source, branch.gradient);
    }
  }

  void bind(const Placement& placement) override {
    for (CompiledBranch& branch : branches_) {
      branch.input.bind(placement);
      branch.gradient_values = placement.address(branch.gradient);
    }
    output_ = placement.address(output_buffer_);
    recomputed_ = placement.address(recomputed_buffer_);
    mask_ = placement.address(mask_buffer_);
    gradient_values_ = placement.address(gradient_buffer_);
    if (training_ && !taken_) gradient_.bind(placement);
  }

  void forward(Run& run) override {
    const PassTimer timer(run.clock, *this, 0);
    for (CompiledBranch& branch : branches_) {
      if (branch.norm == nullptr) continue;
      if (!training_) {
        branch.norm->use_running_statistics(run);
        continue;
      }
      if (!branch.fused) take_moments(branch);
      branch.norm->finish_moments(run);
    }
    if (!pending_) join_branches(output_, &ValueReader::operand);
  }

  void begin_gradient() override { sums_.clear(); }

  int values_read() const override {
    return static_cast<int>(norms_.size()) + (pattern_.relu && !pending_ ? 1 : 0);
  }

  std::vector<PassProfile> passes() const override {
    const double map = double(pixels_) * channels_ * double(bytes_of(precision_));
    const double inputs = double(branches_.size());
    const std::string& name = graph_.nodes[pattern_.output].name;
    std::vector<PassProfile> passes = {{name, "forward", pending_ ? "left to readers" : "one pass",
                                        "nhwc", 0.0, pending_ ? 0.0 : map * (1 + inputs)}};
    if (!training_) return passes;
    passes.push_back({name, "backward", taken_ ? "taken as computed" : "one pass", "nhwc", 0.0,
                      taken_ ? 0.0 : map * (2 + values_read())});
    if (recomputed_buffer_ >= 0) {
      passes.push_back({name, "again", "one pass", "nhwc", 0.0, map * (1 + inputs)});
    }
    return passes;
  }

  CorrelationOutput gradient_output(int thread) override {
    CorrelationOutput out;
    out.kind = OutputKind::kGradient;
    out.precision = precision_;
    out.relu = pattern_.relu;
    if (pattern_.relu) out.mask = mask_;
    if (pending_) {
      out.scale = norms_.front().scale();
      out.shift = norms_.front().shift();
    }
    int k = 0;
    for (const CompiledBranch& branch : branches_) {
      if (branch.norm == nullptr) continue;
      out.inputs[k] = branch.input.values_again();
      out.means[k] = branch.norm->mean();
      ++k;
    }
    out.sums = sums_.of(thread);
    return out;
  }

  void backward(Run& run) override {
    const PassTimer timer(run.clock, *this, 1);
    if (!taken_) reduce();
    int product = 1;
    for (CompiledBranch& branch : branches_) {
      if (branch.norm != nullptr) branch.norm->finish_gradient(sums_, product++, run);
      if (branch.gradient_values != nullptr) compute_gradient(branch);
    }
  }

  std::vector<int> parameters() const override {
    std::vector<int> all;
    for (const BatchNorm& norm : norms_) {
      const auto& own = graph_.nodes[norm.node()].parameters;
      all.insert(all.end(), own.begin(), own.end());
    }
    return all;
  }

 private:
  static constexpr int kRecompute = 2;  ///< the pass

  static NormResidualPattern with_norms_first(NormResidualPattern pattern) {
    std::stable_partition(pattern.branches.begin(), pattern.branches.end(),
                          [](const ResidualBranch& branch) { return branch.batch_norm >= 0; });
    return pattern;
  }

  void add_branch(Builder& builder, const ResidualBranch& branch) {
    CompiledBranch& added = branches_.emplace_back();
    added.source = branch.source;
    added.input = ValueReader(builder, branch.source);
    if (branch.batch_norm < 0) return;
    added.norm = &norms_.emplace_back(graph_, branch.batch_norm, threads_);
    added.fused =
        graph_.nodes[branch.source].op == Op::kConvolution && builder.consumers[branch.source] == 1;
    if (added.fused && training_) builder.moments[branch.source] = added.norm;
  }

  void count_others_before(const Builder& builder) {
    for (const CompiledBranch& branch : branches_) {
      const Recomputed* source = builder.recomputed[branch.input.value().owner];
      if (source != nullptr) {
        others_before_ = std::max(others_before_, 1 + source->others_before());
      }
    }
  }

  template <typename Body>
  void for_each_share(const Body& body) const {
    on_each_thread(threads_, [&](int thread) {
      const Share share = share_of(pixels_, thread, threads_);
      body(thread, PixelRange{share.first, share.end});
    });
  }

  void take_moments(CompiledBranch& branch) {
    branch.norm->begin_moments();
    for_each_share([&](int thread, const PixelRange& range) {
      branch.norm->set_pixels(thread, std::size_t(range.end - range.first));
      kernels_.moments(branch.input.values(), precision_, channels_, range,
                       branch.norm->pivot(thread), branch.norm->moments(thread));
    });
  }

  /// What gradient_output() gives: the ReLU's output and the batch-norms' inputs.
  void read_for_gradient(Builder& builder) {
    if (pattern_.relu && !pending_) mask_buffer_ = builder.read_again(pattern_.output);
    for (CompiledBranch& branch : branches_) {
      if (branch.norm != nullptr) branch.input.read_again(builder);
    }
  }

  using Reading = Operand (ValueReader::*)() const;

  void join_branches(void* out, Reading reading) {
    Join join;
    join.first = affine(branches_[0], reading);
    if (branches_.size() > 1) join.second = affine(branches_[1], reading);
    join.relu = pattern_.relu;
    join.out = out;
    join.channels = channels_;
    for_each_share([&](int, const PixelRange& range) { kernels_.join(join, range); });
  }

  static Operand affine(const CompiledBranch& branch, Reading reading) {
    Operand operand = (branch.input.*reading)();
    if (branch.norm == nullptr) return operand;
    operand.scale = branch.norm->scale();
    operand.shift = branch.norm->shift();
    return operand;
  }

  void reduce() {
    gradient_.run();
    if (norms_.empty() && !pattern_.relu && gradient_.second() == nullptr) return;
    begin_gradient();
    for_each_share([&](int thread, const PixelRange& range) {
      CorrelationOutput out = gradient_output(thread);
      out.values = gradient_values_;
      out.addend = gradient_.second();
      kernels_.reduce_gradient(out, gradient_values_, channels_, range);
    });
  }

  void compute_gradient(const CompiledBranch& branch) {
    Join join;
    join.first.values = gradient_values_;
    join.first.precision = precision_;
    if (branch.norm != nullptr) {
      join.first.scale = branch.norm->slope_g();
      join.first.shift = branch.norm->offset();
      join.first.second = branch.input.values_again();
      join.first.second_scale = branch.norm->slope_x();
    }
    join.out = branch.gradient_values;
    join.channels = channels_;
    for_each_share([&](int, const PixelRange& range) { kernels_.join(join, range); });
  }

  const Graph& graph_;
  NormResidualPattern pattern_;
  const KernelSet& kernels_;
  int threads_, pixels_, channels_;
  bool training_;
  Precision precision_;
  std::list<BatchNorm> norms_;  ///< values and other layers refer to them
  std::vector<CompiledBranch> branches_;
  bool pending_ = false;  ///< readers normalise; there is no output
  int others_before_ = 0;
  bool taken_ = false;  ///< the gradient comes through gradient_output()
  BufferId output_buffer_ = -1, recomputed_buffer_ = -1, mask_buffer_ = -1, gradient_buffer_ = -1;
  void* output_ = nullptr;
  void* recomputed_ = nullptr;  ///< the same in the backward pass
  const void* mask_ = nullptr;  ///< likewise, for the ReLU's gradient
  void* gradient_values_ = nullptr;
  GradientSum gradient_;
  ThreadSums sums_;
};

}  // namespace

std::unique_ptr<Layer> make_norm_residual(Builder& builder, const NormResidualPattern& pattern) {
  return std::make_unique<NormResidual>(builder, pattern);
}

}  // namespace resnext::net::cpu
