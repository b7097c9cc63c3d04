#pragma once
// The series of a run as HDF5 datasets: in result files and, for resuming, in checkpoints.

#include <string>

#include "data/hdf5.h"
#include "worker/training_state.h"

namespace resnext::worker {

/// Writes one dataset for each series into `group`, with a `unit` attribute. Throws
/// std::logic_error when the series are not of one length.
void write_history(data::hdf5::File& file, const std::string& group,
                   const TrainingHistory& history);
void write_history(data::hdf5::File& file, const std::string& group,
                   const ValidationHistory& history);

/// The reverse. Throws std::runtime_error where series are missing or not of one length.
TrainingHistory read_training_history(const data::hdf5::File& file, const std::string& group);
ValidationHistory read_validation_history(const data::hdf5::File& file, const std::string& group);

}  // namespace resnext::worker
