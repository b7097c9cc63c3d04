#pragma once
// Where a run begins: fresh weights, given weights, or a checkpoint to go on from.

#include <string>
#include <vector>

#include "worker/comm/communicator.h"
#include "worker/setup.h"
#include "worker/training_state.h"

namespace resnext::worker {

struct StartingPoint {
  TrainingState state;             ///< on every rank; histories on rank 0 only
  std::vector<std::string> notes;  ///< for rank 0 to print
};

/// Rank 0 reads (`--resume`, then `--init`, else initial values) and sends to all. A checkpoint of
/// another experiment is an error that names the difference. Throws the same on every rank.
/// Collective.
StartingPoint find_starting_point(const Setup& setup, const Communicator& communicator);

}  // namespace resnext::worker
