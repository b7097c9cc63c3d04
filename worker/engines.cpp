#include "worker/engines.h"

#include <algorithm>
#include <utility>

#include "worker/comm/bucket_size.h"
#include "worker/host_step.h"

namespace resnext::worker {
namespace {

net::StepOptions step_options(const Options& options, int ranks) {
  net::StepOptions step;
  step.sgd = options.sgd;
  step.clip_norm = options.clip_gradient_norm;
  step.exact = options.reduce == ReductionMode::kExact;
  step.bucket_values = bucket_values(options.bucket_mib, ranks);
  step.local_batches = options.micro_batches() / ranks;
  step.timeout = std::chrono::seconds(options.timeout_seconds);
  return step;
}

net::CudaEngineOptions cuda_options(const Setup& setup, int ranks) {
  const Options& o = setup.options;
  return {setup.device.gpu,
          to_precision(o.precision),
          !o.nondeterministic,
          o.cuda_graphs,
          o.plan_cache,
          ranks,
          std::max(1, o.micro_batches() / ranks)};
}

std::unique_ptr<net::Engine> make_engine(const Setup& setup, int ranks) {
  const Device& device = setup.device;
  if (!device.is_gpu()) {
    return net::make_cpu_engine(setup.graph, setup.normalisation, setup.options.threads,
                                to_precision(setup.options.precision));
  }
  return device.plugin->make_engine(setup.graph, setup.normalisation, cuda_options(setup, ranks));
}

}  // namespace

std::unique_ptr<net::Engine> compile_engine(const Setup& setup, int ranks) {
  auto engine = make_engine(setup, ranks);
  const int batch = setup.options.batch_per_replica;
  if (!setup.options.eval_only) engine->compile_training(batch);
  if (setup.validation) engine->compile_inference(batch);
  return engine;
}

std::unique_ptr<net::StepEngine> make_step_engine(const Setup& setup,
                                                  const Communicator& communicator,
                                                  std::unique_ptr<net::Engine> engine,
                                                  TrainingState& state) {
  const net::StepArrays arrays{state.parameters, state.statistics};
  const net::StepOptions options = step_options(setup.options, communicator.size());
  if (!setup.device.is_gpu()) {
    return std::make_unique<HostStep>(std::move(engine), arrays, options);
  }
  const net::RankPosition position{
      communicator.rank(), communicator.size(),
      [&communicator](std::span<char> bytes) { communicator.broadcast(bytes); }};
  return setup.device.plugin->make_step_engine(std::move(engine), arrays, options, position);
}

}  // namespace resnext::worker
