// resnext-info: what a model is and what it costs, before anything is trained.

#include <cstdio>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "cli/program.h"
#include "net/cpu/profile_command.h"
#include "net/graph.h"
#include "net/layer_table.h"
#include "net/planning/plan_command.h"
#include "net/planning/plan_report.h"
#include "net/planning/scale_command.h"
#include "net/spec.h"

namespace resnext::net {
namespace {
namespace po = boost::program_options;

constexpr int kLargestBatch = 16384;

constexpr const char* kUsage =
    "Usage: resnext-info MODEL [options]\n"
    "       resnext-info MODEL --plan GPU [options]\n"
    "       resnext-info --plan this\n"
    "       resnext-info MODEL --engine cpu [options]\n"
    "       resnext-info --scale [MODEL...] [options]\n"
    "       resnext-info --list\n"
    "Prints a model's layers as the paper's Table 1 does, with parameters, multiply-adds (the\n"
    "paper's FLOPs) and activation memory.\n\n"
    "Example: resnext-info resnext50_32x4d\n"
    "         resnext-info resnext11_4x4d_cifar_w16 --input 28x28x1 --batch 128 --json\n\n"
    "MODEL is resnetN or resnextN_CxWd: N layers (18, 34, 50, 101, 152, 200; with _cifar 9n+2), C\n"
    "paths of width d. Then, in this order: _basic (CIFAR nets of two 3x3 a block, N = 6n+2),\n"
    "_preact (pre-activation), _cifar, _w16 (base width 16 instead of 64), and _noshortcut,\n"
    "_shortcut_a or _shortcut_c (B is usual). Or wrnN_K_cifar: a wide residual net, N = 6n+4.\n\n";

constexpr const char* kModels = "\nThe paper's models, and some more:\n";

constexpr const char* kJsonKeys =
    "\nKeys of --json: model, input {height, width, channels}, classes, batch, parameters,\n"
    "parameter_bytes, multiply_adds and activation_values (one image), activation_bytes (the "
    "batch\n"
    "in fp32), stages [{stage, output {height, width, channels}, layers, parameters,\n"
    "multiply_adds, activation_values}].\n";

/// "224x224x3": height, width, channels.
Shape parse_input(const std::string& text) {
  Shape shape;
  int read = 0;
  const bool plain = text.find_first_not_of("0123456789x") == std::string::npos && text.size() < 24;
  const int fields = plain ? std::sscanf(text.c_str(), "%6dx%6dx%6d%n", &shape.height, &shape.width,
                                         &shape.channels, &read)
                           : 0;
  if (fields != 3 || read != static_cast<int>(text.size())) {
    throw cli::UsageError(fmt::format("--input: '{}' is not HxWxC, e.g. 224x224x3", text));
  }
  return shape;
}

BlockForm parse_form(const std::string& text) {
  if (text == "a") return BlockForm::kSeparatePaths;
  if (text == "b") return BlockForm::kEarlyConcatenation;
  if (text == "c") return BlockForm::kGroupedConvolution;
  throw cli::UsageError(fmt::format("--block-form: '{}' is none of Figure 3's: a, b or c", text));
}

/// What the command line describes. A bad name or size is the user's, hence UsageError.
Graph graph_of(const po::variables_map& values) {
  if (!values.contains("model")) {
    throw cli::UsageError("no model given; e.g. resnext-info resnext50_32x4d, or --list");
  }
  try {
    const Spec spec = parse_spec(values["model"].as<std::string>());
    const Shape input = values.contains("input")
                            ? parse_input(values["input"].as<std::string>())
                            : Shape{3, usual_input_side(spec), usual_input_side(spec)};
    const int classes =
        values.contains("classes") ? values["classes"].as<int>() : usual_classes(spec);
    const BlockForm form = parse_form(values["block-form"].as<std::string>());
    return build_graph(spec, input, classes, {.form = form});
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(error.what());
  }
}

int batch_of(const po::variables_map& values) {
  const int batch = values["batch"].as<int>();
  if (batch < 1 || batch > kLargestBatch) {
    throw cli::UsageError(fmt::format("--batch must be 1 to {}, not {}", kLargestBatch, batch));
  }
  return batch;
}

int run(const std::vector<std::string>& arguments) {
  if (is_scale_command(arguments)) return run_scale_command(arguments, std::cout);
  po::options_description visible("Options");
  auto add = visible.add_options();
  add("json", "print one JSON object, for programs");
  add("input", po::value<std::string>()->value_name("HxWxC"),
      "image size [224x224x3; CIFAR nets 32x32x3]");
  add("classes", po::value<int>()->value_name("N"), "number of classes [1000; CIFAR nets 10]");
  add("batch", po::value<int>()->value_name("N")->default_value(1, "1"),
      "images that the activation memory is for");
  add("block-form", po::value<std::string>()->value_name("a|b|c")->default_value("c", "c"),
      "form of the blocks as in Figure 3: separate paths, early concatenation, grouped "
      "convolution");
  add("list", "list known models; others of the same pattern work too");
  add_plan_options(visible);
  add_profile_options(visible);
  add("scale", "estimate training on up to thousands of GPUs; see --scale --help");
  add("help,h", "show this help");
  po::options_description all;
  all.add(visible);
  all.add_options()("model", po::value<std::string>());
  po::positional_options_description positional;
  positional.add("model", 1);

  const po::variables_map values = cli::parse_command_line(arguments, all, positional);
  if (values.contains("help")) {
    std::cout << kUsage << visible << kJsonKeys << kPlanJsonKeys << kModels << model_list_text();
  } else if (values.contains("list")) {
    if (values.contains("model")) throw cli::UsageError("--list takes no model");
    std::cout << model_list_text();
  } else if (values.contains("plan")) {
    return describes_present_gpu(values) ? print_present_gpu(values)
                                         : run_plan_command(values, graph_of(values));
  } else if (values.contains("engine")) {
    return run_profile_command(values, graph_of(values));
  } else {
    refuse_plan_options(values);
    refuse_profile_options(values);
    const Graph graph = graph_of(values);
    const int batch = batch_of(values);
    std::cout << (values.contains("json") ? layer_table_json(graph, batch)
                                          : layer_table_text(graph, batch));
  }
  return cli::kSuccess;
}

}  // namespace
}  // namespace resnext::net

int main(int argc, char** argv) {
  return resnext::cli::run_program("resnext-info", argc, argv, resnext::net::run);
}
