#pragma once
// A graph and a training state of a few hundred values, for tests that write many files.

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

#include "net/graph.h"
#include "worker/checkpoint.h"
#include "worker/training_state.h"

namespace resnext::worker {

/// Three parameters in backward order and two statistics, without nodes.
inline net::Graph small_graph() {
  net::Graph graph;
  graph.spec.name = "small";
  graph.parameters = {{"fc.weight", {3, 5}, 0, 15, net::Initialisation::kLinear},
                      {"bn1.weight", {5}, 15, 5, net::Initialisation::kOne},
                      {"conv1.weight", {5, 2, 3, 3}, 20, 90, net::Initialisation::kConvolution}};
  graph.statistics = {{"bn1.running_mean", 0, 5, 0.0F}, {"bn1.running_var", 5, 5, 1.0F}};
  graph.parameter_count = 110;
  graph.statistic_count = 10;
  return graph;
}

/// Values that are all different; `step` decides them and the length of the history.
inline TrainingState small_state(const net::Graph& graph, std::uint64_t step) {
  TrainingState state;
  state.step = step;
  const auto fill = [step](std::vector<float>& values, std::size_t count, float start) {
    for (std::size_t i = 0; i < count; ++i) {
      values.push_back(start + static_cast<float>(i) / 8 + static_cast<float>(step));
    }
  };
  fill(state.parameters, graph.parameter_count, 0.0F);
  fill(state.momentum, graph.parameter_count, -100.0F);
  fill(state.statistics, graph.statistic_count, 1000.0F);
  for (std::uint64_t i = 1; i <= step; ++i) {
    const auto x = static_cast<double>(i);
    state.training.step.push_back(i);
    state.training.epoch.push_back(x / 10);
    state.training.loss.push_back(2.3 / x);
    state.training.top1_error.push_back(90 / x);
    state.training.learning_rate.push_back(0.1);
    state.training.images_per_second.push_back(100 + x);
    state.training.data_wait.push_back(0.01 * x);
  }
  state.validation = {{step}, {static_cast<double>(step) / 10}, {1.5}, {40.0}, {5.0}};
  return state;
}

inline CheckpointHeader small_header() {
  return {{{"model", "small"}, {"seed", 7}}, {{"host", "b\xC3\xBCro"}, {"ranks", 2}}};
}

/// A folder of its own for each test, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "resnext-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline void put_bytes(const std::string& path, const std::vector<std::byte>& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

}  // namespace resnext::worker
