#include "worker/engines.h"

#include <algorithm>
#include <utility>

#include "worker/host_step.h"

namespace resnext::worker {
namespace {

net::StepOptions step_options(const Options& options, int ranks) {
  net::StepOptions step;
  step.sgd = options.sgd;
  step.clip_norm = options.clip_gradient_norm;
  step.exact = options.reduce == ReductionMode::kExact;
  step.bucket_values =
      std::max<std::size_t>(1, static_cast<std::size_t>(options.bucket_mib * 1024 * 1024 / 4));
  step.local_batches = options.micro_batches() / ranks;
  step.timeout = std::chrono::seconds(options.timeout_seconds);
  return step;
}

}  // namespace

std::unique_ptr<net::Engine> compile_engine(const Setup& setup) {
  const Options& o = setup.options;
  auto engine = net::make_cpu_engine(setup.graph, setup.normalisation, o.threads);
  if (!o.eval_only) engine->compile_training(o.batch_per_replica);
  if (setup.validation) engine->compile_inference(o.batch_per_replica);
  return engine;
}

std::unique_ptr<net::StepEngine> make_step_engine(const Setup& setup,
                                                  const Communicator& communicator,
                                                  std::unique_ptr<net::Engine> engine,
                                                  TrainingState& state) {
  const net::StepArrays arrays{state.parameters, state.statistics};
  const net::StepOptions options = step_options(setup.options, communicator.size());
  return std::make_unique<HostStep>(std::move(engine), arrays, options);
}

}  // namespace resnext::worker
