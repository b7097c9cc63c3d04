#pragma once
// The result file of a run (schema: results/README.md). Each publication replaces the file at once,
// so that a reader, or a kill at any moment, always finds a whole HDF5 file.

#include <string>

#include <nlohmann/json.hpp>

#include "worker/training_state.h"

namespace resnext::worker {

/// What a result file says beside the series.
struct ResultDescription {
  nlohmann::json attributes;  ///< flat: name → string, number or boolean; become root attributes
  nlohmann::json summary;     ///< flat, likewise; become attributes of /summary
};

/// For before the first step: throws std::runtime_error naming the path and the reason unless a
/// result can be published there (folder missing or not writable, a folder of that name).
void check_result_path(const std::string& path);

/// Writes the whole result to a temporary name beside `path`, then renames it. Throws
/// std::runtime_error naming the path and the reason (no such folder, not writable, disk full), and
/// std::invalid_argument naming an attribute that is not flat.
void publish_result(const std::string& path, const ResultDescription& description,
                    const TrainingHistory& training, const ValidationHistory& validation);

}  // namespace resnext::worker
