// reduction_rate, under mpirun: seconds of gradient reductions, as JSON on rank 0.
//
// Without --model: 100 MB of gradients through MPI_Allreduce, and through the worker's reductions
// (exact and fast), which update the weights too. With --model: training steps of that network with
// their reduction, the same without, and the reduction alone.

#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "net/graph_builder.h"
#include "net/initialise.h"
#include "net/spec.h"
#include "scripts/benchmark/reduction/timings.h"
#include "worker/comm/bucket_size.h"
#include "worker/comm/gradient_reduction.h"
#include "worker/host_step.h"

namespace resnext::benchmark {
namespace {

namespace po = boost::program_options;
using worker::GradientReduction;
using worker::ReductionMode;

constexpr net::SgdOptions kSgd{0.9F, 1e-4F, true};
constexpr float kLearningRate = 1e-3F;

struct Options {
  std::string model;
  std::size_t values = 25'000'000;  ///< 100 MB
  double bucket_mib = 0;            ///< 0: what the worker takes by itself
  int rounds = 5;
  int batch = 8;
  int image_size = 224;
  int threads = 1;
};

Options parse(const std::vector<std::string>& arguments) {
  Options o;
  po::options_description all("Options");
  all.add_options()("model", po::value(&o.model))("values", po::value(&o.values))(
      "bucket-mib", po::value(&o.bucket_mib))("rounds", po::value(&o.rounds))(
      "batch", po::value(&o.batch))("image-size", po::value(&o.image_size))("threads",
                                                                            po::value(&o.threads));
  po::variables_map values = cli::parse_command_line(arguments, all);
  po::notify(values);
  return o;
}

/// Gradients and weights of one rank, and their reduction in one mode.
class Reducer {
 public:
  Reducer(std::size_t values, std::size_t bucket_values, ReductionMode mode)
      : local_(values, 1),
        parameters_(values, 1.0F),
        reduction_(values, bucket_values, mode, kSgd, std::chrono::seconds(600)) {
    for (float& value : local_.next_gradient()) value = 1e-6F;
  }

  void run() {
    local_.reset();
    reduction_.begin(local_, parameters_, kLearningRate);
    reduction_.ready(parameters_.size());
    reduction_.finish();
  }

 private:
  worker::LocalReplicaSum local_;
  std::vector<float> parameters_;
  GradientReduction reduction_;
};

std::vector<Contender> time_reductions(const worker::Communicator& world, const Options& o) {
  const std::size_t bucket = worker::bucket_values(o.bucket_mib, world.size());
  std::vector<float> buffer(o.values, 1e-6F);
  Reducer exact(o.values, bucket, ReductionMode::kExact);
  Reducer fast(o.values, bucket, ReductionMode::kFast);
  std::vector<Contender> contenders{
      {"MPI_Allreduce",
       [&] {
         worker::check_mpi(MPI_Allreduce(MPI_IN_PLACE, buffer.data(), static_cast<int>(o.values),
                                         MPI_FLOAT, MPI_SUM, world.get()),
                           "MPI_Allreduce");
       }},
      {"exact", [&] { exact.run(); }},
      {"fast", [&] { fast.run(); }},
  };
  time_in_turn(world, o.rounds, contenders);
  return contenders;
}

/// A rank's share of training steps of a network on random images.
class Steps {
 public:
  Steps(const worker::Communicator& world, const Options& o)
      : graph_(
            net::build_graph(net::parse_spec(o.model), {3, o.image_size, o.image_size}, kClasses)),
        images_(std::size_t(3) * o.batch * o.image_size * o.image_size),
        labels_(o.batch),
        parameters_(graph_.parameter_count),
        statistics_(graph_.statistic_count),
        gradients_(graph_.parameter_count) {
    std::mt19937 generator(static_cast<unsigned>(world.rank()));
    std::normal_distribution<float> pixel;
    for (float& value : images_) value = pixel(generator);
    for (std::int32_t& label : labels_) label = static_cast<int>(generator() % kClasses);
    net::initialise_parameters(graph_, 1, parameters_);
    net::initialise_statistics(graph_, statistics_);
    net::StepOptions options{kSgd};
    options.bucket_values = worker::bucket_values(o.bucket_mib, world.size());
    auto engine = net::make_cpu_engine(graph_, {}, o.threads);
    engine->compile_training(o.batch);
    steps_ = std::make_unique<worker::HostStep>(std::move(engine),
                                                net::StepArrays{parameters_, statistics_}, options);
  }

  std::size_t values() const { return parameters_.size(); }

  void with_reduction() {
    steps_->begin(kLearningRate);
    steps_->train(batch(), kLossScale, true);
    steps_->finish();
  }

  /// Forward and backward alone, with the same new weights to take in.
  void without_reduction() {
    steps_->engine().set_parameters(parameters_);
    steps_->engine().train(batch(), kLossScale, gradients_, statistics_, {});
  }

 private:
  static constexpr int kClasses = 1000;
  static constexpr float kLossScale = 1e-3F;

  net::Batch batch() const { return {static_cast<int>(labels_.size()), {}, labels_, images_}; }

  const net::Graph graph_;
  std::vector<float> images_;
  std::vector<std::int32_t> labels_;
  std::vector<float> parameters_, statistics_, gradients_;
  std::unique_ptr<worker::HostStep> steps_;
};

std::vector<Contender> time_steps(const worker::Communicator& world, const Options& o) {
  Steps steps(world, o);
  Reducer reducer(steps.values(), worker::bucket_values(o.bucket_mib, world.size()),
                  ReductionMode::kExact);
  std::vector<Contender> contenders{
      {"step", [&] { steps.with_reduction(); }},
      {"step without reduction", [&] { steps.without_reduction(); }},
      {"reduction", [&] { reducer.run(); }},
  };
  time_in_turn(world, o.rounds, contenders);
  return contenders;
}

int run(const std::vector<std::string>& arguments) {
  const Options o = parse(arguments);
  const worker::Communicator world;
  const auto contenders = o.model.empty() ? time_reductions(world, o) : time_steps(world, o);
  nlohmann::json report = {{"ranks", world.size()}};
  for (const Contender& contender : contenders) report[contender.name] = contender.seconds;
  if (world.rank() == 0) fmt::print("{}\n", report.dump());
  return cli::kSuccess;
}

}  // namespace
}  // namespace resnext::benchmark

int main(int argc, char** argv) {
  return resnext::cli::run_program("reduction_rate", argc, argv, [&](const auto& arguments) {
    const resnext::worker::MpiSession session(&argc, &argv);
    return resnext::benchmark::run(arguments);
  });
}
