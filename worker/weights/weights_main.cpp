// resnext-weights: looks into files of weights, and hands them to PyTorch's libraries.

#include <cstdint>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <boost/program_options.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/nearest_name.h"
#include "cli/program.h"
#include "net/spec.h"
#include "worker/weights/fitting_models.h"
#include "worker/weights/tensor_file.h"
#include "worker/weights/weights.h"

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;

constexpr const char* kUsage =
    "Usage: resnext-weights show FILE\n"
    "       resnext-weights export CHECKPOINT.h5 OUT.safetensors [--model NAME] [--force]\n"
    "show lists the tensors of a checkpoint or safetensors file, and says which models they fit.\n"
    "export writes a checkpoint's weights (their moving average where it has one) and running\n"
    "statistics as safetensors under torchvision's names. The worker's --init reads both formats;\n"
    "scripts/pth_to_safetensors.py makes safetensors from PyTorch's own files.\n\n"
    "Example: resnext-weights export checkpoints/checkpoint-5005.h5 resnext50.safetensors\n\n";

std::uint64_t count_of(const TensorShape& shape) {
  std::uint64_t count = 1;
  for (const std::uint64_t extent : shape) count *= extent;
  return count;
}

int show(const std::string& path) {
  const TensorFile file = open_tensor_file(path);
  std::uint64_t values = 0;
  for (const StoredTensor& tensor : file.tensors()) {
    values += count_of(tensor.shape);
    fmt::print("{:32} {:5} {}\n", tensor.name, tensor.dtype, fmt::join(tensor.shape, "x"));
  }
  fmt::print("{}: {} tensors, {} values\n", file.kind(), file.tensors().size(), values);
  if (!file.model().empty()) fmt::print("model: {}\n", file.model());
  const std::vector<std::string> models = fitting_models(file);
  fmt::print("fits: {}\n", models.empty() ? "none of the known models"
                                          : fmt::format("{}", fmt::join(models, ", ")));
  return cli::kSuccess;
}

net::Graph graph_of(const TensorFile& file, const std::string& model) {
  if (model.empty()) {
    throw cli::UsageError(
        fmt::format("{} does not say its model's name; give it with --model "
                    "(resnext-weights show lists those that fit)",
                    file.path()));
  }
  net::Spec spec;
  try {
    spec = net::parse_spec(model);
  } catch (const std::invalid_argument& error) {
    throw cli::UsageError(fmt::format("--model: {}", error.what()));
  }
  auto graph = graph_with_ends_of(spec, file);
  if (!graph) {
    throw std::runtime_error(
        fmt::format("{}: has no conv1.weight and fc.weight as networks have them", file.path()));
  }
  return *std::move(graph);
}

int export_weights(const std::string& from, const std::string& to,
                   const po::variables_map& values) {
  if (!values.contains("force") && fs::exists(to)) {
    throw cli::UsageError(fmt::format("'{}' exists; --force replaces it", to));
  }
  const TensorFile file = open_tensor_file(from);
  if (fs::exists(to) && fs::equivalent(from, to)) {
    throw cli::UsageError(fmt::format("'{}' would replace what it is made from", to));
  }
  const std::string model =
      values.contains("model") ? values["model"].as<std::string>() : file.model();
  const net::Graph graph = graph_of(file, model);
  const Weights weights = read_weights(from, graph);
  write_weights(to, graph, weights);
  fmt::print("{}: {} with {} classes, from {}\n", to, graph.spec.name, graph.classes,
             weights.source);
  return cli::kSuccess;
}

int run_command(const std::vector<std::string>& words, const po::variables_map& values) {
  if (words.empty()) throw cli::UsageError("no command given: show or export");
  const std::vector<std::string> commands = {"show", "export"};
  if (words[0] == "show") {
    if (words.size() != 2) throw cli::UsageError("show takes one file");
    if (values.contains("model") || values.contains("force")) {
      throw cli::UsageError("show takes no options");
    }
    return show(words[1]);
  }
  if (words[0] == "export") {
    if (words.size() != 3) throw cli::UsageError("export takes a checkpoint and a file to write");
    return export_weights(words[1], words[2], values);
  }
  throw cli::UsageError(
      fmt::format("unknown command '{}'{}", words[0], cli::did_you_mean(words[0], commands)));
}

int run(const std::vector<std::string>& arguments) {
  po::options_description visible("Options");
  auto add = visible.add_options();
  add("model", po::value<std::string>()->value_name("NAME"),
      "the model, where the file does not say it");
  add("force", "replace OUT.safetensors if it exists");
  add("help,h", "show this help");
  po::options_description all;
  all.add(visible);
  all.add_options()("words", po::value<std::vector<std::string>>());
  po::positional_options_description positional;
  positional.add("words", -1);
  const po::variables_map values = cli::parse_command_line(arguments, all, positional);
  if (values.contains("help")) {
    std::cout << kUsage << visible;
    return cli::kSuccess;
  }
  const bool given = values.contains("words");
  return run_command(
      given ? values["words"].as<std::vector<std::string>>() : std::vector<std::string>(), values);
}

}  // namespace
}  // namespace resnext::worker

int main(int argc, char** argv) {
  return resnext::cli::run_program("resnext-weights", argc, argv, resnext::worker::run);
}
