// The engine against PyTorch: three steps of small networks, tensor by tensor.

#include "tests/net/golden_training.h"

#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/engine.h"
#include "net/initialise.h"
#include "tests/net/engine_under_test.h"
#include "tests/net/relative_error.h"

namespace resnext::net {
namespace {

constexpr double kTolerance = 1e-4;

/// SGD as the paper's code has it, for one step.
struct Sgd {
  float learning_rate, momentum, weight_decay;
  std::vector<float> velocity;

  void update(std::vector<float>& parameters, const std::vector<float>& gradients) {
    velocity.resize(parameters.size(), 0.0F);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const float gradient = gradients[i] + weight_decay * parameters[i];
      velocity[i] = momentum * velocity[i] + gradient;
      parameters[i] -= learning_rate * (gradient + momentum * velocity[i]);
    }
  }
};

void expect_close(const std::vector<float>& arena, const std::vector<GoldenTensor>& expected,
                  const std::string& what) {
  for (const GoldenTensor& tensor : expected) {
    std::vector<float> actual;
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      actual.push_back(arena[tensor.offset + i * tensor.stride]);
    }
    EXPECT_LE(relative_error(actual, tensor.values), kTolerance) << what << " " << tensor.name;
  }
}

struct Case {
  std::string model;
  int threads;
};

/// For GoogleTest, which would print the bytes.
void PrintTo(const Case& tested, std::ostream* out) {
  *out << tested.model << " on " << tested.threads;
}

class GoldenTrainingTest : public testing::TestWithParam<Case> {};

TEST_P(GoldenTrainingTest, AgreesWithPyTorch) {
  const GoldenTraining golden = read_golden_training(GetParam().model);
  const auto engine =
      make_engine_under_test(golden.graph, golden.normalisation, GetParam().threads);
  Sgd sgd{golden.learning_rate, golden.momentum, golden.weight_decay, {}};
  std::vector<float> parameters = golden.initial_parameters;
  std::vector<float> statistics(golden.graph.statistic_count);
  initialise_statistics(golden.graph, statistics);
  for (std::size_t step = 0; step < golden.steps.size(); ++step) {
    const Batch batch = golden.steps[step].batch();
    const auto images = static_cast<float>(batch.size);
    // Not zeros: a gradient that is only added to, or never written, must show.
    std::vector<float> gradients(golden.graph.parameter_count, 1e3F);
    engine->set_parameters(parameters);
    const BatchMetrics metrics = engine->train(batch, 1.0F / images, gradients, statistics, {});
    EXPECT_EQ(metrics.images, batch.size);
    EXPECT_NEAR(metrics.loss_sum / images, golden.steps[step].loss,
                kTolerance * golden.steps[step].loss)
        << "step " << step;
    if (step == 0) {
      expect_close(gradients, golden.first_gradients, "first gradient of");
      expect_close(statistics, golden.first_statistics, "after the first step");
    }
    sgd.update(parameters, gradients);
  }
  expect_close(parameters, golden.last_parameters, "after the last step");
  expect_close(statistics, golden.last_statistics, "after the last step");

  engine->set_parameters(parameters);
  std::vector<float> logits(golden.evaluation_logits.size());
  engine->evaluate(golden.steps[0].batch(), statistics, logits);
  EXPECT_LE(relative_error(logits, golden.evaluation_logits), kTolerance) << "evaluation logits";
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const std::string& model : golden_training_models()) {
    for (const int threads : {1, 2}) all.push_back({model, threads});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Networks, GoldenTrainingTest, testing::ValuesIn(cases()),
                         [](const auto& test) {
                           return test.param.model + "_threads" +
                                  std::to_string(test.param.threads);
                         });

}  // namespace
}  // namespace resnext::net
