#include "tests/net/training_sample.h"

#include <cmath>
#include <random>
#include <stdexcept>

#include "tests/net/reference_network.h"

namespace resnext::net {
namespace {

constexpr double kKinkDistance = 1e-5;  // fp32 errs by about 1e-6 in graphs of a dozen nodes
constexpr int kMaxDraws = 200;

}  // namespace

TrainingSample draw_training_sample(const Graph& graph, int images, unsigned seed) {
  std::mt19937 random(seed);
  const auto uniform = [&](double low, double high) {
    return static_cast<float>(low + (high - low) * double(random()) / 4294967296.0);
  };
  TrainingSample sample;
  for (int c = 0; c < graph.input.channels; ++c) {
    sample.normalisation.mean.push_back(uniform(0.3, 0.6));
    sample.normalisation.deviation.push_back(uniform(0.2, 0.4));
  }
  sample.pixels.resize(images * graph.input.count());
  for (auto& pixel : sample.pixels) pixel = static_cast<std::uint8_t>(random() >> 24);
  sample.labels.resize(images);
  for (auto& label : sample.labels) {
    label = static_cast<std::int32_t>(random() % static_cast<unsigned>(graph.classes));
  }
  sample.parameters.resize(graph.parameter_count);
  for (const Parameter& parameter : graph.parameters) {
    const double bound = std::sqrt(3.0 * double(parameter.shape[0]) / double(parameter.count));
    for (std::size_t i = 0; i < parameter.count; ++i) {
      float& value = sample.parameters[parameter.offset + i];
      value = parameter.shape.size() > 1                         ? uniform(-bound, bound)
              : parameter.initialisation == Initialisation::kOne ? uniform(0.5, 1.5)
                                                                 : uniform(-0.5, 0.5);
    }
  }
  sample.statistics.resize(graph.statistic_count);
  for (const Statistic& statistic : graph.statistics) {
    for (std::size_t i = 0; i < statistic.count; ++i) {
      const bool variance = statistic.initial > 0;
      sample.statistics[statistic.offset + i] = uniform(variance ? 0.5 : -0.5, variance ? 2 : 0.5);
    }
  }
  return sample;
}

TrainingSample draw_smooth_training_sample(const Graph& graph, int images, unsigned seed) {
  for (int draw = 0; draw < kMaxDraws; ++draw) {
    TrainingSample sample = draw_training_sample(graph, images, seed + 1000 * draw);
    const std::vector<double> parameters(sample.parameters.begin(), sample.parameters.end());
    const std::vector<double> statistics(sample.statistics.begin(), sample.statistics.end());
    const ReferencePass pass = reference_training(graph, sample.normalisation, sample.batch(),
                                                  parameters, statistics, 1.0);
    if (pass.nearest_kink > kKinkDistance) return sample;
  }
  throw std::runtime_error("no sample keeps clear of the kinks");
}

}  // namespace resnext::net
