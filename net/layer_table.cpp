#include "net/layer_table.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace resnext::net {
namespace {

constexpr std::uint64_t kBytesPerValue = 4;

/// "layer1.0" of "layer1.0.conv2" and "layer1.0.downsample.0"; empty outside blocks.
std::string_view block_of(std::string_view node_name) {
  const std::size_t first = node_name.find('.');
  if (first == std::string_view::npos) return {};
  return node_name.substr(0, node_name.find('.', first + 1));
}

/// "3x3, 128, C=32"
std::string convolution_text(const Node& node) {
  std::string text = fmt::format("{0}x{0}, {1}", node.window.kernel, node.output.channels);
  if (node.groups > 1) text += fmt::format(", C={}", node.groups);
  return text;
}

std::string window_text(const Window& window, std::string_view what) {
  return fmt::format("{0}x{0} {1}, stride {2}", window.kernel, what, window.stride);
}

/// A layer outside the blocks as the paper writes it; empty for those it does not mention.
std::string layer_text(const Node& node) {
  switch (node.op) {
    case Op::kConvolution:
      return fmt::format("{}, stride {}", convolution_text(node), node.window.stride);
    case Op::kMaxPool:
      return window_text(node.window, "max pool");
    case Op::kGlobalAveragePool:
      return "global average pool";
    case Op::kLinear:
      return fmt::format("{}-d fc", node.output.channels);
    case Op::kSoftmaxCrossEntropy:
      return "softmax";
    case Op::kInput:
    case Op::kBatchNorm:
    case Op::kRelu:
    case Op::kAdd:
    case Op::kConcatenation:
    case Op::kZeroPadding:
      return {};
  }
  return {};
}

/// Writes one stage's layers: single layers, and runs of equal blocks as "[a / b / c] x n", or with
/// separate paths as "[32 x (a / b) / c] x n". As in the paper a block's template names neither its
/// stride nor its projection.
class TemplateWriter {
 public:
  explicit TemplateWriter(int paths) : paths_(paths) {}

  void add(const Node& node) {
    const std::string_view block = block_of(node.name);
    if (block.empty()) {
      end_run();
      if (std::string text = layer_text(node); !text.empty()) lines_.push_back(std::move(text));
      return;
    }
    if (block != block_name_) end_block();
    block_name_ = block;
    const bool projection = node.name.find(".downsample.") != std::string::npos;
    if (node.op != Op::kConvolution || projection) return;
    const bool in_path = node.name.find(".paths.") != std::string::npos;
    if (in_path && node.name.find(".paths.0.") == std::string::npos) return;  // all are alike
    if (in_path && !open_path_) block_text_ += fmt::format("{} x (", paths_);
    if (!in_path) close_path();
    if (open_path_ || (!in_path && !block_text_.empty())) block_text_ += " / ";
    open_path_ = in_path;
    block_text_ += convolution_text(node);
  }

  std::vector<std::string> finish() {
    end_run();
    return std::move(lines_);
  }

 private:
  void close_path() {
    if (open_path_) block_text_ += ")";
    open_path_ = false;
  }

  void end_block() {
    close_path();
    if (block_text_.empty()) return;
    if (block_text_ != run_text_) flush_run();
    run_text_ = std::exchange(block_text_, {});
    ++run_length_;
  }

  void flush_run() {
    if (run_length_ > 0) lines_.push_back(fmt::format("[{}] x {}", run_text_, run_length_));
    run_length_ = 0;
  }

  void end_run() {
    end_block();
    flush_run();
  }

  int paths_;
  bool open_path_ = false;
  std::vector<std::string> lines_;
  std::string block_name_;
  std::string block_text_;
  std::string run_text_;
  int run_length_ = 0;
};

/// 25028904 as "25,028,904".
std::string grouped_digits(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

std::string mebibytes(std::uint64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

std::string size_text(const Shape& shape) {
  return fmt::format("{}x{}", shape.height, shape.width);
}

std::string row_text(std::string_view stage, std::string_view output, std::string_view layers,
                     std::size_t layers_width, const Complexity& cost) {
  return fmt::format("{:<7}{:<11}{:<{}}  {:>13}  {:>17}  {:>15}\n", stage, output, layers,
                     layers_width, grouped_digits(cost.parameters),
                     grouped_digits(cost.multiply_adds), grouped_digits(cost.activation_values));
}

/// 4.23e9 or 11.3e6, as the paper writes FLOPs.
std::string exponent_text(std::uint64_t value) {
  const auto number = static_cast<double>(value);
  return number >= 1e9 ? fmt::format("{:.2f}e9", number / 1e9)
                       : fmt::format("{:.1f}e6", number / 1e6);
}

std::string summary_text(const Complexity& total, int batch) {
  const std::uint64_t weight_bytes = kBytesPerValue * total.parameters;
  const std::uint64_t bytes = kBytesPerValue * total.activation_values * std::uint64_t(batch);
  return fmt::format(
      "parameters         {:<11}  {} in fp32, {} with gradients and momentum\n"
      "multiply-adds      {:<11}  one image, forward; convolutions and fc\n"
      "activation memory  {:<11}  batch of {} in fp32: all that training keeps, ReLU in place\n",
      grouped_digits(total.parameters), mebibytes(weight_bytes), mebibytes(3 * weight_bytes),
      exponent_text(total.multiply_adds), mebibytes(bytes), batch);
}

nlohmann::ordered_json shape_json(const Shape& shape) {
  return {{"height", shape.height}, {"width", shape.width}, {"channels", shape.channels}};
}

nlohmann::ordered_json row_json(const StageRow& row) {
  return {{"stage", row.stage},
          {"output", shape_json(row.output)},
          {"layers", row.layers},
          {"parameters", row.cost.parameters},
          {"multiply_adds", row.cost.multiply_adds},
          {"activation_values", row.cost.activation_values}};
}

}  // namespace

std::vector<StageRow> layer_table(const Graph& graph) {
  std::vector<StageRow> rows;
  TemplateWriter writer(graph.spec.cardinality);
  const auto finish_row = [&] {
    if (!rows.empty()) rows.back().layers = writer.finish();
  };
  for (const Node& node : graph.nodes) {
    if (node.op == Op::kInput) continue;
    if (rows.empty() || rows.back().stage != node.stage) {
      finish_row();
      rows.push_back({node.stage, {}, {}, {}});
      writer = TemplateWriter(graph.spec.cardinality);
    }
    StageRow& row = rows.back();
    writer.add(node);
    row.cost += node_complexity(graph, node);
    if (node.op != Op::kSoftmaxCrossEntropy) row.output = node.output;
  }
  finish_row();
  return rows;
}

std::string model_list_text() {
  std::string text = fmt::format("{:<38}{:>13}{:>16}  {}\n", "model", "parameters", "multiply-adds",
                                 "in the paper");
  for (const KnownModel& model : known_models()) {
    const Spec spec = parse_spec(model.name);
    const Complexity cost = graph_complexity(build_graph(
        spec, {3, usual_input_side(spec), usual_input_side(spec)}, usual_classes(spec)));
    text += fmt::format("{:<38}{:>13}{:>16}  {}\n", model.name, grouped_digits(cost.parameters),
                        exponent_text(cost.multiply_adds), model.place);
  }
  return text;
}

std::string layer_table_text(const Graph& graph, int batch) {
  const std::vector<StageRow> rows = layer_table(graph);
  std::size_t width = std::string_view("layers").size();
  for (const StageRow& row : rows) {
    for (const std::string& line : row.layers) width = std::max(width, line.size());
  }
  std::string text = fmt::format("{}: input {}x{}, {} classes\n\n", graph.spec.name,
                                 size_text(graph.input), graph.input.channels, graph.classes);
  text += fmt::format("{:<7}{:<11}{:<{}}  {:>13}  {:>17}  {:>15}\n", "stage", "output", "layers",
                      width, "parameters", "multiply-adds", "activations");
  for (const StageRow& row : rows) {
    const std::string_view first = row.layers.empty() ? std::string_view() : row.layers.front();
    text += row_text(row.stage, size_text(row.output), first, width, row.cost);
    for (std::size_t i = 1; i < row.layers.size(); ++i) {
      text += fmt::format("{:<18}{}\n", "", row.layers[i]);
    }
  }
  const Complexity total = graph_complexity(graph);
  return text + row_text("total", "", "", width, total) + "\n" + summary_text(total, batch);
}

std::string layer_table_json(const Graph& graph, int batch) {
  const Complexity total = graph_complexity(graph);
  nlohmann::ordered_json json = {
      {"model", graph.spec.name},
      {"input", shape_json(graph.input)},
      {"classes", graph.classes},
      {"batch", batch},
      {"parameters", total.parameters},
      {"parameter_bytes", kBytesPerValue * total.parameters},
      {"multiply_adds", total.multiply_adds},
      {"activation_values", total.activation_values},
      {"activation_bytes", kBytesPerValue * total.activation_values * std::uint64_t(batch)}};
  for (const StageRow& row : layer_table(graph)) json["stages"].push_back(row_json(row));
  return json.dump(2) + "\n";
}

}  // namespace resnext::net
