#pragma once
// The engines of one rank, on the device that it is to use.

#include <memory>

#include "net/step_engine.h"
#include "worker/comm/communicator.h"
#include "worker/setup.h"
#include "worker/training_state.h"

namespace resnext::worker {

/// Compiled for the batches that training and evaluation will bring. `ranks`: of the run.
std::unique_ptr<net::Engine> compile_engine(const Setup& setup, int ranks);

/// For training steps on the parameters and statistics of `state`, which must outlive it, as must
/// `communicator`, and keep their places. Collective.
std::unique_ptr<net::StepEngine> make_step_engine(const Setup& setup,
                                                  const Communicator& communicator,
                                                  std::unique_ptr<net::Engine> engine,
                                                  TrainingState& state);

}  // namespace resnext::worker
