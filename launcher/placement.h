#pragma once
// How many ranks, how many threads in each, and on which hosts: a pure function of what is asked
// for and what there is.

#include <optional>
#include <string>
#include <vector>

namespace resnext::launcher {

/// A machine to place ranks on. An empty name is this machine.
struct Host {
  std::string name;
  int cores = 1;
  bool operator==(const Host&) const = default;
};

struct PlacementRequest {
  std::vector<Host> hosts;     ///< at least one
  std::optional<int> ranks;    ///< obeyed when given, even beyond the cores
  std::optional<int> threads;  ///< in each rank
  int replicas = 1;
  int gpus = 0;        ///< of each host, which are to have one rank each; 0: ranks use cores
  int accumulate = 1;  ///< batches that each replica computes in a step
  bool exact = true;   ///< --reduce exact, which not every number of ranks can do
};

struct Placement {
  int ranks = 1;
  int threads = 1;                 ///< in each rank
  std::vector<int> ranks_on_host;  ///< one for each host of the request; may be 0
  bool oversubscribed = false;     ///< some host has more threads than cores
};

/// Whether `ranks` ranks can train the request's replicas: they must divide them, and the exact
/// reduction needs each rank's batches (its replicas times `accumulate`) to be a whole subtree of
/// its balanced tree, so a power of two of them, or one rank with them all.
bool ranks_suit_replicas(int ranks, const PlacementRequest& request);

/// Without `ranks`: the most that suit the replicas and have a GPU each, or a core for each thread;
/// at least 1.
/// Without `threads`: the cores of the most crowded host shared among its ranks; at least 1. Ranks
/// go to hosts in proportion to what these can hold.
Placement place(const PlacementRequest& request);

}  // namespace resnext::launcher
