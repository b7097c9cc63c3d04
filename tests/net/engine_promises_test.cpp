// What the Engine seam promises beside right numbers: the same bits, gradients announced in order,
// clear errors.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/engine.h"
#include "tests/net/engine_under_test.h"
#include "tests/net/hand_built_graph.h"
#include "tests/net/reference_network.h"
#include "tests/net/relative_error.h"
#include "tests/net/training_sample.h"

namespace resnext::net {
namespace {

constexpr int kImages = 4;

/// Grouped convolutions, identity and projection shortcuts, both stems.
std::vector<Graph> networks() {
  Spec deep = parse_spec("resnext50_8x4d_w8");
  deep.blocks_per_stage = {2, 1, 1, 2};
  return {build_graph(parse_spec("resnext20_4x4d_cifar_w8"), {3, 20, 20}, 10),
          build_graph(deep, {3, 64, 64}, 10)};
}

struct Trained {
  std::vector<float> gradients, statistics;
  double loss_sum = 0;
};

Trained train(Engine& engine, const Graph& graph, const TrainingSample& sample) {
  Trained result{std::vector<float>(graph.parameter_count, 1e3F), sample.statistics};
  engine.set_parameters(sample.parameters);
  const BatchMetrics metrics =
      engine.train(sample.batch(), 0.25F, result.gradients, result.statistics, {});
  result.loss_sum = metrics.loss_sum;
  return result;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

void expect_same_bits(const Trained& a, const Trained& b) {
  EXPECT_TRUE(same_bits(a.gradients, b.gradients));
  EXPECT_TRUE(same_bits(a.statistics, b.statistics));
  EXPECT_EQ(a.loss_sum, b.loss_sum);
}

TEST(EnginePromises, TheSameBatchGivesTheSameBits) {
  for (const Graph& graph : networks()) {
    const TrainingSample sample = draw_training_sample(graph, kImages, 1);
    const TrainingSample other = draw_training_sample(graph, 3, 2);
    for (const int threads : {1, 2}) {
      const auto engine = make_engine_under_test(graph, sample.normalisation, threads);
      const Trained first = train(*engine, graph, sample);
      for (int again = 0; again < 5; ++again) {
        expect_same_bits(train(*engine, graph, sample), first);
        // Work of another size in between, and an evaluation, must leave no trace.
        train(*engine, graph, other);
        engine->evaluate(other.batch(), other.statistics, {});
      }
      const auto fresh = make_engine_under_test(graph, sample.normalisation, threads);
      expect_same_bits(train(*fresh, graph, sample), first);
    }
  }
}

/// The batch's images as the engine would normalise them.
std::vector<float> normalised(const TrainingSample& sample, const Shape& shape) {
  std::vector<float> values(sample.pixels.size());
  const int pixels = shape.height * shape.width;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t n = i / shape.count(), c = i / pixels % shape.channels, p = i % pixels;
    const double pixel = sample.pixels[n * shape.count() + p * shape.channels + c];
    values[i] = static_cast<float>((pixel / 255.0 - sample.normalisation.mean[c]) /
                                   sample.normalisation.deviation[c]);
  }
  return values;
}

TEST(EnginePromises, NormalisedImagesGiveTheBitsOfTheirPixels) {
  for (const Graph& graph : networks()) {
    const TrainingSample sample = draw_training_sample(graph, kImages, 1);
    const std::vector<float> values = normalised(sample, graph.input);
    const auto engine = make_engine_under_test(graph, sample.normalisation, 1);
    const Trained expected = train(*engine, graph, sample);
    Trained result{std::vector<float>(graph.parameter_count, 1e3F), sample.statistics};
    const Batch batch{kImages, {}, sample.labels, values};
    result.loss_sum = engine->train(batch, 0.25F, result.gradients, result.statistics, {}).loss_sum;
    expect_same_bits(result, expected);
  }
}

TEST(EnginePromises, NormalisedImagesNeedNoNormalisation) {
  const Graph graph = networks().front();
  const TrainingSample sample = draw_training_sample(graph, kImages, 1);
  const std::vector<float> values = normalised(sample, graph.input);
  const auto own = make_engine_under_test(graph, sample.normalisation, 1);
  const auto engine = make_engine_under_test(graph, {}, 1);
  own->set_parameters(sample.parameters);
  engine->set_parameters(sample.parameters);
  std::vector<float> expected(std::size_t(kImages) * 10), logits(expected.size());
  own->evaluate(sample.batch(), sample.statistics, expected);
  engine->evaluate({kImages, {}, {}, values}, sample.statistics, logits);
  EXPECT_EQ(logits, expected);
  EXPECT_THROW(engine->evaluate(sample.batch(), sample.statistics, logits), std::invalid_argument);
}

TEST(EnginePromises, EvaluatesImagesOfOtherSizes) {
  for (const char* model : {"resnext11_4x4d_cifar_w8", "resnext11_4x4d_cifar_w8_shortcut_a"}) {
    const Spec spec = parse_spec(model);
    const Graph trained = build_graph(spec, {3, 12, 12}, 10);
    TrainingSample weights = draw_training_sample(trained, 1, 5);
    const auto engine = make_engine_under_test(trained, weights.normalisation, 1);
    engine->set_parameters(weights.parameters);
    for (int repetition = 0; repetition < 2; ++repetition) {
      for (int i = 0; i < 20; ++i) {  // more sizes than are kept
        const Shape shape{3, 8 + i, 27 - i};
        const Graph graph = build_graph(spec, shape, 10);
        const TrainingSample sample = draw_training_sample(graph, kImages, 6);
        const auto own = make_engine_under_test(graph, weights.normalisation, 1);
        own->set_parameters(weights.parameters);
        std::vector<float> expected(kImages * 10), logits(kImages * 10);
        const BatchMetrics a = own->evaluate(sample.batch(), weights.statistics, expected);
        Batch batch = sample.batch();
        batch.height = shape.height;
        batch.width = shape.width;
        const BatchMetrics b = engine->evaluate(batch, weights.statistics, logits);
        EXPECT_EQ(logits, expected) << model << " " << i;
        EXPECT_EQ(a.loss_sum, b.loss_sum);
      }
      for (float& parameter : weights.parameters) parameter *= 0.5F;
      engine->set_parameters(weights.parameters);
    }
  }
}

TEST(EnginePromises, TrainingTakesNoOtherSize) {
  const Graph graph = networks().front();
  const TrainingSample sample = draw_training_sample(graph, 1, 5);
  const auto engine = make_engine_under_test(graph, sample.normalisation, 1);
  engine->set_parameters(sample.parameters);
  Batch batch = sample.batch();
  batch.height = 10;
  batch.width = 40;
  std::vector<float> gradients(graph.parameter_count);
  EXPECT_THROW(engine->train(batch, 1.0F, gradients, {}, {}), std::invalid_argument);
}

/// Dense testing by definition: the classifier at each position of the 7 x 7 average, as a
/// convolution, and the mean of its scores.
TEST(EnginePromises, AveragingWindowIsTheMeanScoreOfAllPositions) {
  constexpr int kWindow = 3;
  const Spec spec = parse_spec("resnext11_4x4d_cifar_w8");
  const Shape input{3, 24, 20};  // 6 x 5 at the end
  const Graph dense = build_graph(spec, input, 10, {.averaging_window = kWindow});
  const TrainingSample sample = draw_training_sample(dense, 1, 8);
  const auto engine = make_engine_under_test(dense, sample.normalisation, 1);
  engine->set_parameters(sample.parameters);
  std::vector<float> logits(10);
  engine->evaluate(sample.batch(), sample.statistics, logits);

  const std::vector<double> parameters(sample.parameters.begin(), sample.parameters.end());
  const std::vector<double> statistics(sample.statistics.begin(), sample.statistics.end());
  const ReferencePass pass =
      reference_inference(dense, sample.normalisation, sample.batch(), parameters, statistics);
  const Node& fc = dense.nodes[dense.outputs[0]];
  const Node& pool = dense.nodes[fc.inputs[0]];
  const Shape map = dense.nodes[pool.inputs[0]].output;
  ASSERT_EQ(map.height, 6);
  ASSERT_EQ(map.width, 5);
  const std::vector<double>& values = pass.values[pool.inputs[0]];
  const double* weight = &parameters[dense.parameters[fc.parameters[0]].offset];
  const double* bias = &parameters[dense.parameters[fc.parameters[1]].offset];
  for (int k = 0; k < 10; ++k) {
    double mean_score = 0;
    for (int top = 0; top + kWindow <= map.height; ++top) {
      for (int left = 0; left + kWindow <= map.width; ++left) {
        double score = bias[k];
        for (int c = 0; c < map.channels; ++c) {
          for (int i = 0; i < kWindow * kWindow; ++i) {
            const int at = (top + i / kWindow) * map.width + left + i % kWindow;
            score += weight[k * map.channels + c] * values[c * map.height * map.width + at] /
                     (kWindow * kWindow);
          }
        }
        mean_score += score / ((map.height - kWindow + 1) * (map.width - kWindow + 1));
      }
    }
    EXPECT_NEAR(logits[k], mean_score, 1e-4 * (1 + std::abs(mean_score)));
  }
}

TEST(EnginePromises, EvaluationCountsThePlainLoss) {
  const Spec spec = parse_spec("resnext11_4x4d_cifar_w8");
  const Graph plain = build_graph(spec, {3, 12, 12}, 10);
  const Graph smoothed = build_graph(spec, {3, 12, 12}, 10, {.label_smoothing = 0.3F});
  const TrainingSample sample = draw_training_sample(plain, kImages, 5);
  const auto a = make_engine_under_test(plain, sample.normalisation, 1);
  const auto b = make_engine_under_test(smoothed, sample.normalisation, 1);
  EXPECT_NE(train(*a, plain, sample).loss_sum, train(*b, smoothed, sample).loss_sum);
  EXPECT_EQ(a->evaluate(sample.batch(), sample.statistics, {}).loss_sum,
            b->evaluate(sample.batch(), sample.statistics, {}).loss_sum);
}

TEST(EnginePromises, EnginesSideBySideDoNotDisturbEachOther) {
  const Graph graph = networks().front();
  const TrainingSample sample = draw_training_sample(graph, kImages, 4);
  const auto one = make_engine_under_test(graph, sample.normalisation, 1);
  const Trained alone = train(*one, graph, sample);
  const auto two = make_engine_under_test(graph, sample.normalisation, 2);
  const Trained alone_two = train(*two, graph, sample);
  expect_same_bits(train(*one, graph, sample), alone);
  expect_same_bits(train(*two, graph, sample), alone_two);
}

TEST(EnginePromises, AnnouncedGradientsAreFinal) {
  std::vector<Graph> graphs = networks();
  for (unsigned seed = 0; seed < 20; ++seed) graphs.push_back(random_graph(seed));
  for (const Graph& graph : graphs) {
    const TrainingSample sample = draw_training_sample(graph, kImages, 5);
    const auto engine = make_engine_under_test(graph, sample.normalisation, 1);
    const Trained expected = train(*engine, graph, sample);

    // Take each announced slice away and leave a mark: it must be final when announced, and nobody
    // may write there again. The optimiser may by then have changed the parameters too.
    constexpr float kMark = -12345.0F;
    std::vector<float> parameters = sample.parameters;
    std::vector<float> gradients(graph.parameter_count, kMark), taken;
    engine->set_parameters(parameters);
    const auto take = [&](std::size_t ready) {
      ASSERT_GT(ready, taken.size()) << "announcements must grow";
      ASSERT_LE(ready, graph.parameter_count);
      const std::size_t from = taken.size();
      taken.insert(taken.end(), gradients.begin() + from, gradients.begin() + ready);
      std::fill(gradients.begin() + from, gradients.begin() + ready, kMark);
      std::fill(parameters.begin() + from, parameters.begin() + ready,
                std::numeric_limits<float>::quiet_NaN());
    };
    std::vector<float> statistics = sample.statistics;
    engine->train(sample.batch(), 0.25F, gradients, statistics, take);
    EXPECT_TRUE(same_bits(taken, expected.gradients));
    EXPECT_EQ(std::count(gradients.begin(), gradients.end(), kMark), graph.parameter_count);
  }
}

TEST(EnginePromises, RunningStatisticsAreOptional) {
  const Graph graph = networks().front();
  const TrainingSample sample = draw_training_sample(graph, kImages, 7);
  const auto engine = make_engine_under_test(graph, sample.normalisation, 1);
  const Trained expected = train(*engine, graph, sample);
  std::vector<float> gradients(graph.parameter_count);
  engine->train(sample.batch(), 0.25F, gradients, {}, {});
  EXPECT_TRUE(same_bits(gradients, expected.gradients));
}

TEST(EnginePromises, ProgramsCompiledAheadGiveTheSameBits) {
  const Graph graph = networks().back();
  const TrainingSample sample = draw_training_sample(graph, kImages, 8);
  const auto lazy = make_engine_under_test(graph, sample.normalisation, 1);
  const auto ahead = make_engine_under_test(graph, sample.normalisation, 1);
  ahead->compile_inference(kImages);
  ahead->compile_training(kImages);
  const std::size_t bytes = ahead->memory_bytes();
  expect_same_bits(train(*ahead, graph, sample), train(*lazy, graph, sample));
  std::vector<float> a(kImages * 10), b(kImages * 10);
  ahead->evaluate(sample.batch(), sample.statistics, a);
  lazy->evaluate(sample.batch(), sample.statistics, b);
  EXPECT_TRUE(same_bits(a, b));
  EXPECT_EQ(ahead->memory_bytes(), bytes) << "everything was known before the first step";
}

TEST(EnginePromises, NewParametersReachEveryProgram) {
  const Graph graph = networks().front();
  const TrainingSample sample = draw_training_sample(graph, kImages, 9);
  const TrainingSample other = draw_training_sample(graph, kImages, 10);
  const auto engine = make_engine_under_test(graph, sample.normalisation, 1);
  std::vector<float> arena = sample.parameters;
  const auto logits = [&](Engine& of) {
    std::vector<float> values(kImages * 10);
    of.evaluate(sample.batch(), sample.statistics, values);
    return values;
  };
  engine->set_parameters(arena);
  const auto before = logits(*engine);
  arena = other.parameters;  // in place, as an optimiser does
  engine->set_parameters(arena);
  const auto after = logits(*engine);
  EXPECT_FALSE(same_bits(before, after));
  const auto fresh = make_engine_under_test(graph, sample.normalisation, 1);
  fresh->set_parameters(arena);
  EXPECT_TRUE(same_bits(logits(*fresh), after));
}

std::string error_of(const auto& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no error";
}

TEST(EnginePromises, RefusesBadArgumentsByName) {
  const Graph graph = build_graph(parse_spec("resnext11_4x4d_cifar_w8"), {3, 8, 8}, 10);
  TrainingSample sample = draw_training_sample(graph, 2, 1);
  std::vector<float> gradients(graph.parameter_count), statistics = sample.statistics;
  const auto engine = make_engine_under_test(graph, sample.normalisation, 1);
  const auto train = [&] {
    return error_of([&] { engine->train(sample.batch(), 1, gradients, statistics, {}); });
  };
  EXPECT_EQ(train(), "an engine needs parameters (set_parameters) before its first pass");
  EXPECT_EQ(error_of([&] { engine->set_parameters(std::span(gradients).first(5)); }),
            "resnext11_4x4d_cifar_w8 has " + std::to_string(graph.parameter_count) +
                " parameters, not 5");
  engine->set_parameters(sample.parameters);
  EXPECT_EQ(train(), "no error");
  EXPECT_EQ(error_of([&] { engine->evaluate(sample.batch(), statistics, gradients); }),
            "a batch of 2 images has 20 logits, not " + std::to_string(gradients.size()));
  sample.labels[1] = 10;
  EXPECT_EQ(train(), "image 1 of the batch has label 10, outside the model's 10 classes");
  EXPECT_EQ(error_of([&] { engine->evaluate(sample.batch(), statistics, {}); }),
            "image 1 of the batch has label 10, outside the model's 10 classes");
  sample.labels[1] = -1;
  EXPECT_EQ(train(), "image 1 of the batch has label -1, outside the model's 10 classes");
  sample.labels[1] = 0;
  sample.pixels.pop_back();
  EXPECT_EQ(train(), "a batch of 2 images should have 384 pixel values, not 383");
}

TEST(EnginePromises, EvaluatesWithoutLabels) {
  const Graph graph = networks().front();
  const TrainingSample sample = draw_training_sample(graph, kImages, 12);
  const auto engine = make_engine_under_test(graph, sample.normalisation, 1);
  engine->set_parameters(sample.parameters);
  std::vector<float> with(kImages * 10), without(kImages * 10);
  engine->evaluate(sample.batch(), sample.statistics, with);
  const BatchMetrics metrics =
      engine->evaluate({kImages, sample.pixels, {}}, sample.statistics, without);
  EXPECT_TRUE(same_bits(with, without));
  EXPECT_EQ(metrics.images, kImages);
  EXPECT_EQ(metrics.loss_sum, 0.0);
}

}  // namespace
}  // namespace resnext::net
