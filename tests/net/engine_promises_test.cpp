// What the Engine seam promises beside right numbers: the same bits, gradients announced in order,
// clear errors.

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "net/engine.h"
#include "tests/net/hand_built_graph.h"
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
      const auto engine = make_cpu_engine(graph, sample.normalisation, threads);
      const Trained first = train(*engine, graph, sample);
      for (int again = 0; again < 5; ++again) {
        expect_same_bits(train(*engine, graph, sample), first);
        // Work of another size in between, and an evaluation, must leave no trace.
        train(*engine, graph, other);
        engine->evaluate(other.batch(), other.statistics, {});
      }
      const auto fresh = make_cpu_engine(graph, sample.normalisation, threads);
      expect_same_bits(train(*fresh, graph, sample), first);
    }
  }
}

TEST(EnginePromises, ThreadsChangeNoMoreThanRounding) {
  for (const char* model : {"resnet11_cifar_w8", "resnext11_4x4d_cifar_w8"}) {
    const Graph graph = build_graph(parse_spec(model), {3, 9, 9}, 10);
    const TrainingSample sample = draw_smooth_training_sample(graph, kImages, 3);
    const auto one = make_cpu_engine(graph, sample.normalisation, 1);
    const auto two = make_cpu_engine(graph, sample.normalisation, 2);
    const Trained a = train(*one, graph, sample), b = train(*two, graph, sample);
    EXPECT_NEAR(a.loss_sum, b.loss_sum, 1e-5 * a.loss_sum);
    EXPECT_LE(relative_error(a.gradients, b.gradients), 1e-5);
    EXPECT_LE(relative_error(a.statistics, b.statistics), 1e-5);
  }
}

TEST(EnginePromises, EnginesSideBySideDoNotDisturbEachOther) {
  const Graph graph = networks().front();
  const TrainingSample sample = draw_training_sample(graph, kImages, 4);
  const auto one = make_cpu_engine(graph, sample.normalisation, 1);
  const Trained alone = train(*one, graph, sample);
  const auto two = make_cpu_engine(graph, sample.normalisation, 2);
  const Trained alone_two = train(*two, graph, sample);
  expect_same_bits(train(*one, graph, sample), alone);
  expect_same_bits(train(*two, graph, sample), alone_two);
}

TEST(EnginePromises, AnnouncedGradientsAreFinal) {
  std::vector<Graph> graphs = networks();
  for (unsigned seed = 0; seed < 20; ++seed) graphs.push_back(random_graph(seed));
  for (const Graph& graph : graphs) {
    const TrainingSample sample = draw_training_sample(graph, kImages, 5);
    const auto engine = make_cpu_engine(graph, sample.normalisation, 1);
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

TEST(EnginePromises, GradientsAreAnnouncedLayerByLayer) {
  const Graph graph = build_graph(parse_spec("resnext50_32x4d_w8"), {3, 64, 64}, 10);
  const TrainingSample sample = draw_training_sample(graph, 2, 6);
  const auto engine = make_cpu_engine(graph, sample.normalisation, 1);
  engine->set_parameters(sample.parameters);
  std::vector<std::size_t> prefixes;
  std::vector<float> gradients(graph.parameter_count);
  engine->train(sample.batch(), 1.0F, gradients, {}, [&](std::size_t n) { prefixes.push_back(n); });
  ASSERT_FALSE(prefixes.empty());
  EXPECT_EQ(prefixes.back(), graph.parameter_count);
  EXPECT_EQ(prefixes.front(), 10u * 256u + 10u);  // fc alone, at once
  EXPECT_GT(prefixes.size(), 90u);                // 53 convolutions and nearly as many norms
}

TEST(EnginePromises, RunningStatisticsAreOptional) {
  const Graph graph = networks().front();
  const TrainingSample sample = draw_training_sample(graph, kImages, 7);
  const auto engine = make_cpu_engine(graph, sample.normalisation, 1);
  const Trained expected = train(*engine, graph, sample);
  std::vector<float> gradients(graph.parameter_count);
  engine->train(sample.batch(), 0.25F, gradients, {}, {});
  EXPECT_TRUE(same_bits(gradients, expected.gradients));
}

TEST(EnginePromises, ProgramsCompiledAheadGiveTheSameBits) {
  const Graph graph = networks().back();
  const TrainingSample sample = draw_training_sample(graph, kImages, 8);
  const auto lazy = make_cpu_engine(graph, sample.normalisation, 1);
  const auto ahead = make_cpu_engine(graph, sample.normalisation, 1);
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
  const auto engine = make_cpu_engine(graph, sample.normalisation, 1);
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
  const auto fresh = make_cpu_engine(graph, sample.normalisation, 1);
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
  const auto engine = make_cpu_engine(graph, sample.normalisation, 1);
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
  EXPECT_EQ(error_of([&] { make_cpu_engine(graph, sample.normalisation, 0); }),
            "an engine needs at least one thread");
}

TEST(EnginePromises, EvaluatesWithoutLabels) {
  const Graph graph = networks().front();
  const TrainingSample sample = draw_training_sample(graph, kImages, 12);
  const auto engine = make_cpu_engine(graph, sample.normalisation, 1);
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
