#include "net/cpu/program.h"

#include <algorithm>
#include <new>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>

#include "net/cpu/batch_norm.h"
#include "net/cpu/concatenation.h"
#include "net/cpu/convolution.h"
#include "net/cpu/input.h"
#include "net/cpu/linear.h"
#include "net/cpu/norm_residual.h"
#include "net/cpu/pooling.h"
#include "net/cpu/recomputed.h"
#include "net/cpu/softmax_cross_entropy.h"
#include "net/cpu/zero_padding.h"

namespace resnext::net::cpu {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t(2) << 20;

std::unique_ptr<Layer> make_layer(Builder& builder, const NormResidualPatterns& patterns,
                                  const Normalisation& normalisation, int node) {
  if (!patterns.at[node].branches.empty()) return make_norm_residual(builder, patterns.at[node]);
  switch (builder.graph.nodes[node].op) {
    case Op::kInput:
      return make_input(builder, node, normalisation);
    case Op::kConvolution:
      return make_convolution(builder, node);
    case Op::kConcatenation:
      return make_concatenation(builder, node);
    case Op::kZeroPadding:
      return make_zero_padding(builder, node);
    case Op::kMaxPool:
      return make_max_pool(builder, node);
    case Op::kGlobalAveragePool:
      return make_global_average_pool(builder, node);
    case Op::kLinear:
      return make_linear(builder, node);
    case Op::kSoftmaxCrossEntropy:
      return make_softmax_cross_entropy(builder, node);
    case Op::kBatchNorm:
    case Op::kRelu:
    case Op::kAdd:
      break;  // always part of a norm-residual pattern
  }
  throw std::logic_error("no layer for node " + builder.graph.nodes[node].name);
}

Builder make_builder(const Graph& graph, const KernelSet& kernels, WeightStore& weights,
                     const ProgramOptions& options) {
  Builder builder{graph,           kernels,          weights, options.batch_size, options.training,
                  options.threads, options.precision};
  const std::size_t nodes = graph.nodes.size();
  builder.values.resize(nodes);
  builder.gradients.resize(nodes);
  builder.pending_gradients.resize(nodes);
  builder.moments.resize(nodes, nullptr);
  builder.sinks.resize(nodes, nullptr);
  builder.recomputed.resize(nodes, nullptr);
  builder.kept.resize(nodes, -1);
  builder.consumers.resize(nodes, 0);
  builder.contributions.resize(nodes, 0);
  for (const Node& node : graph.nodes) {
    for (const int input : node.inputs) ++builder.consumers[input];
  }
  return builder;
}

}  // namespace

BufferId Builder::read_again(int node) {
  BufferId& buffer = kept[node];
  if (buffer < 0 && recomputed[node] != nullptr) {
    buffer = recomputed[node]->plan_recomputation(*this);
    due.push_back(recomputed[node]);
  } else if (buffer < 0) {
    buffer = values[node].buffer;
  }
  use(buffer);
  return buffer;
}

Program::Program(const Graph& graph, const KernelSet& kernels, WeightStore& weights,
                 const Normalisation& normalisation, const ProgramOptions& options) {
  Builder builder = make_builder(graph, kernels, weights, options);
  const NormResidualPatterns patterns = find_norm_residual_patterns(graph);
  for (int node = 0; node < static_cast<int>(graph.nodes.size()); ++node) {
    if (patterns.absorbed[node]) continue;
    layers_.push_back(make_layer(builder, patterns, normalisation, node));
    ++builder.time;
  }
  for (const int output : graph.outputs) builder.use(builder.values[output].buffer);
  if (options.training) {
    recomputed_before_.resize(layers_.size());
    for (std::size_t i = layers_.size(); i-- > 0;) {
      ++builder.time;
      layers_[i]->plan_backward(builder);
      recomputed_before_[i] = std::exchange(builder.due, {});
    }
    plan_ready_prefixes(graph);
  }
  allocate(builder);
}

void Program::plan_ready_prefixes(const Graph& graph) {
  std::vector<bool> done(graph.parameters.size(), false);
  std::size_t next = 0;
  ready_after_.assign(layers_.size(), 0);
  for (std::size_t i = layers_.size(); i-- > 0;) {
    for (const int parameter : layers_[i]->parameters()) done[parameter] = true;
    while (next < done.size() && done[next]) ++next;
    ready_after_[i] = next < done.size() ? graph.parameters[next].offset : graph.parameter_count;
  }
}

void Program::allocate(Builder& builder) {
  builder.plan.place();
  builder.workspace_bytes = (builder.workspace_bytes + kPage - 1) / kPage * kPage;
  const std::size_t planned = (builder.plan.total_bytes() + kPage - 1) / kPage * kPage;
  const std::size_t bytes = planned + builder.workspace_bytes * builder.threads;
  memory_bytes_ = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(kHugePage, memory_bytes_)));
  if (!memory_) {
    throw std::runtime_error(fmt::format(
        "a batch of {} images of {} needs {:.1f} GB of memory for activations, more than "
        "this machine gives; use a smaller --batch-per-replica",
        builder.batch_size, builder.graph.spec.name, double(memory_bytes_) * 1e-9));
  }
  madvise(memory_.get(), memory_bytes_, MADV_HUGEPAGE);  // a hint; its failure changes nothing
  const Placement placement{builder, memory_.get(), memory_.get() + planned};
  for (const auto& layer : layers_) layer->bind(placement);
  for (const int node : builder.graph.outputs) {
    const Value& value = builder.values[node];
    outputs_.push_back({builder.graph.nodes[node].output,
                        builder.batch_size,
                        {placement.address(value.buffer), value.precision}});
  }
}

void Program::forward(Run& run) {
  for (const auto& layer : layers_) layer->forward(run);
}

void Program::backward(Run& run, const GradientReady& on_ready) {
  std::size_t announced = 0;
  for (std::size_t i = layers_.size(); i-- > 0;) {
    for (Recomputed* value : recomputed_before_[i]) value->recompute(run);
    layers_[i]->backward(run);
    if (!on_ready || ready_after_[i] == announced) continue;
    announced = ready_after_[i];
    on_ready(announced);
  }
}

template <typename Body>
void Program::for_each_pass(const Body& body) const {
  for (const auto& layer : layers_) {
    if (!layer->passes().empty()) body(*layer, 0);
  }
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    const int passes = static_cast<int>((*layer)->passes().size());
    for (int pass = 1; pass < passes; ++pass) body(**layer, pass);
  }
}

std::vector<PassProfile> Program::passes() const {
  std::vector<PassProfile> all;
  for_each_pass([&](const Layer& layer, int pass) { all.push_back(layer.passes()[pass]); });
  return all;
}

std::vector<double> Program::seconds(const StepClock& clock) const {
  std::vector<double> all;
  for_each_pass([&](const Layer& layer, int pass) { all.push_back(clock.seconds(layer, pass)); });
  return all;
}

std::vector<float> Program::output(std::size_t index) const {
  const Output& output = outputs_[index];
  const std::size_t pixels = std::size_t(output.shape.height) * output.shape.width;
  std::vector<float> values(output.images * output.shape.count());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t plane = i / pixels, pixel = i % pixels;
    const std::size_t n = plane / output.shape.channels, c = plane % output.shape.channels;
    values[i] = output.values.get((n * pixels + pixel) * output.shape.channels + c);
  }
  return values;
}

}  // namespace resnext::net::cpu
