#pragma once
// Checkpoints: HDF5 files that are complete or not there. Layout: results/README.md.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "data/hdf5.h"
#include "net/graph.h"
#include "worker/training_state.h"

namespace resnext::worker {

/// What a checkpoint says of itself, beside the state.
struct CheckpointHeader {
  nlohmann::json experiment;  ///< everything that decides the run's bits; must match to resume
  nlohmann::json provenance;  ///< versions, host, ranks: for people, not compared
  /// Of the training set, by label; none in checkpoints of older versions.
  std::vector<std::string> class_names = {};
};

struct Checkpoint {
  TrainingState state;
  CheckpointHeader header;
};

/// The bytes of a checkpoint file: an HDF5 image, then a trailer with its length and CRC-32, so
/// that a file cut or altered at any byte is recognised. HDF5 readers ignore the trailer. Throws
/// std::logic_error when the state's sizes are not the graph's.
std::vector<std::byte> encode_checkpoint(const net::Graph& graph, const TrainingState& state,
                                         const CheckpointHeader& header);

/// Throws std::runtime_error naming the file and saying "torn" (cut short, or the trailer is
/// missing) or "altered" (the checksum differs) unless `path` is whole.
void check_checkpoint(const std::string& path);

/// Opens `path` as HDF5. Throws std::runtime_error naming the file when it is torn, altered, no
/// checkpoint, or of a newer format.
data::hdf5::File open_checkpoint(const std::string& path);

/// Reads and checks `path`. Throws std::runtime_error naming the file when it is torn, altered, of
/// a newer format, or of another model than `graph` (naming the first tensor that differs).
Checkpoint read_checkpoint(const std::string& path, const net::Graph& graph);

/// The checkpoints in `folder` by their names, newest (highest step) first. None where there is no
/// such folder.
struct CheckpointFile {
  std::uint64_t step = 0;
  std::string path;
};
std::vector<CheckpointFile> list_checkpoints(const std::string& folder);

/// The newest intact checkpoint in `folder`, or nullopt. Damaged ones that are newer are passed
/// over and listed in `damaged` as "path: reason".
std::optional<std::string> find_newest_checkpoint(const std::string& folder,
                                                  std::vector<std::string>& damaged);

/// Writes checkpoints in the background to `folder`/checkpoint-STEP.h5: temporary name, fsync,
/// rename, fsync of the folder; then removes older ones beyond `keep` (itself counted) and stale
/// temporaries. Checkpoints of later steps stay: they are damaged ones that were passed over, or of
/// the same run.
class CheckpointWriter {
 public:
  /// Makes the folder where it is missing. Throws std::runtime_error naming it when it cannot be
  /// made or written to.
  CheckpointWriter(std::string folder, int keep);
  ~CheckpointWriter();  ///< waits for the write under way
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  /// Takes the state and returns; waits first if the previous write is still under way. Rethrows a
  /// failure of an earlier write (disk full: names file and reason; the older checkpoints stay).
  /// `afterwards` is called in the background with the state, once it is on disk.
  void write(const net::Graph& graph, TrainingState state, CheckpointHeader header,
             std::function<void(const TrainingState&)> afterwards = {});

  /// The state last written, for its memory: a copy made into it costs no page faults. Waits for
  /// the write under way, and rethrows its failure. Empty before the first.
  TrainingState take_spare();
  /// Likewise, its momentum alone.
  std::vector<float> take_spare_momentum();

  /// Rethrows the failure of a write that has ended, without waiting for one that has not.
  void check();

  /// Waits until all is on disk; rethrows a failure.
  void wait();

 private:
  std::string folder_;
  int keep_;
  std::future<TrainingState> pending_;  ///< gives the state back
  TrainingState spare_;
};

}  // namespace resnext::worker
