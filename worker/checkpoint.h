#pragma once
// Checkpoints: HDF5 files that are complete or not there. Layout: results/README.md.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "net/graph.h"
#include "worker/training_state.h"

namespace resnext::worker {

/// What a checkpoint says of itself, beside the state.
struct CheckpointHeader {
  nlohmann::json experiment;  ///< everything that decides the run's bits; must match to resume
  nlohmann::json provenance;  ///< versions, host, ranks: for people, not compared
};

/// The bytes of a checkpoint file: an HDF5 image, then a trailer with its length and CRC-32, so that
/// a file cut or altered at any byte is recognised.
std::vector<std::byte> encode_checkpoint(const net::Graph& graph, const TrainingState& state,
                                         const CheckpointHeader& header);

/// Reads and checks `path`. Throws std::runtime_error naming the file when it is torn, altered or of
/// another model than `graph` (naming the first tensor that differs).
struct Checkpoint {
  TrainingState state;
  CheckpointHeader header;
};
Checkpoint read_checkpoint(const std::string& path, const net::Graph& graph);

/// The newest intact checkpoint in `folder`, or nullopt. Damaged ones are passed over and listed in
/// `damaged` as "path: reason".
std::optional<std::string> find_newest_checkpoint(const std::string& folder,
                                                  std::vector<std::string>& damaged);

/// Writes checkpoints in the background to `folder`/checkpoint-STEP.h5: temporary name, fsync, rename,
/// fsync of the folder; then removes all but the newest `keep` (and stale temporaries).
class CheckpointWriter {
 public:
  CheckpointWriter(std::string folder, int keep);
  ~CheckpointWriter();  ///< waits for the write under way
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Takes a copy of the state and returns; waits first if the previous write is still under way.
  /// Rethrows a failure of an earlier write (disk full: names file and reason; the older
  /// checkpoints stay).
  void write(const net::Graph& graph, TrainingState state, CheckpointHeader header);

  /// Waits until all is on disk; rethrows a failure.
  void wait();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace resnext::worker
