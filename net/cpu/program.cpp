#include "net/cpu/program.h"

#include <algorithm>
#include <new>
#include <stdexcept>

#include <fmt/format.h>
#include <sys/mman.h>

#include "net/cpu/channel_layout.h"
#include "net/cpu/concatenation.h"
#include "net/cpu/convolution.h"
#include "net/cpu/input.h"
#include "net/cpu/linear.h"
#include "net/cpu/norm_residual.h"
#include "net/cpu/pooling.h"
#include "net/cpu/softmax_cross_entropy.h"
#include "net/cpu/zero_padding.h"

namespace resnext::net::cpu {
namespace {

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

}  // namespace

Program::Program(const Graph& graph, const dnnl::engine& engine, WeightStore& weights,
                 const Normalisation& normalisation, int batch_size, bool training) {
  Builder builder{graph, engine, weights, batch_size, training};
  builder.values.resize(graph.nodes.size());
  builder.gradients.resize(graph.nodes.size());
  const NormResidualPatterns patterns = find_norm_residual_patterns(graph);
  for (int node = 0; node < static_cast<int>(graph.nodes.size()); ++node) {
    if (patterns.absorbed[node]) continue;
    layers_.push_back(make_layer(builder, patterns, normalisation, node));
    ++builder.time;
  }
  for (const int output : graph.outputs) {
    const auto row_major =
        activation_descriptor(builder.dims(output), dnnl::memory::format_tag::nchw);
    outputs_.emplace_back(builder, output, row_major);
  }
  if (training) {
    for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
      ++builder.time;
      (*layer)->plan_backward(builder);
    }
    plan_ready_prefixes(graph);
  }
  allocate(builder, engine);
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

void Program::allocate(const Builder& builder, const dnnl::engine& engine) {
  MemoryPlan plan = builder.plan;
  plan.place();
  memory_bytes_ = (plan.total_bytes() + kHugePage - 1) / kHugePage * kHugePage;
  memory_.reset(static_cast<std::byte*>(std::aligned_alloc(kHugePage, memory_bytes_)));
  if (!memory_) {
    throw std::runtime_error(fmt::format(
        "a batch of {} images of {} needs {:.1f} GB of memory for activations, more than "
        "this machine gives; use a smaller --batch-per-replica",
        builder.batch_size, builder.graph.spec.name, double(memory_bytes_) * 1e-9));
  }
  madvise(memory_.get(), memory_bytes_, MADV_HUGEPAGE);  // a hint; its failure changes nothing
  const Placement placement{plan, memory_.get()};
  for (const auto& layer : layers_) layer->bind(placement, engine);
  for (SourceReordering& output : outputs_) output.bind(placement, engine);
}

void Program::forward(Run& run) {
  for (const auto& layer : layers_) layer->forward(run);
  for (SourceReordering& output : outputs_) output.forward(run);
  run.stream.wait();
}

void Program::backward(Run& run, const GradientReady& on_ready) {
  std::size_t announced = 0;
  for (std::size_t i = layers_.size(); i-- > 0;) {
    layers_[i]->backward(run);
    run.stream.wait();
    if (!on_ready || ready_after_[i] == announced) continue;
    announced = ready_after_[i];
    on_ready(announced);
  }
}

std::span<const float> Program::output(std::size_t index) const {
  const dnnl::memory& memory = outputs_[index].memory();
  return {static_cast<const float*>(memory.get_data_handle()),
          memory.get_desc().get_size() / sizeof(float)};
}

}  // namespace resnext::net::cpu
