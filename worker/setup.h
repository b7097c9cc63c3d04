#pragma once
// All that is known and checked before the first step: data sets, graph, input size, identity.

#include <memory>

#include <nlohmann/json.hpp>

#include "data/image_source.h"
#include "net/engine.h"
#include "net/graph.h"
#include "worker/device/device.h"
#include "worker/evaluation/class_mapping.h"
#include "worker/options.h"

namespace resnext::worker {

struct Setup {
  Options options;  ///< with every default that depends on model and data filled in
  net::Graph graph;
  net::Normalisation normalisation;
  std::unique_ptr<data::ImageSource> training;    ///< null with --eval-only
  std::unique_ptr<data::ImageSource> validation;  ///< null when there is none
  ClassMapping validation_classes;                ///< of that set among the network's
  Device device = cpu_device();                   ///< of this rank
  std::uint64_t steps_per_epoch = 1;  ///< of --epoch-steps, or a pass over the training set
  std::uint64_t total_steps = 0;
  std::uint64_t validation_steps = 1;  ///< steps between evaluations

  const data::DatasetInfo& dataset() const { return (training ? training : validation)->info(); }
};

/// Opens the data, builds the graph and fills in defaults. Throws with the option or file at fault:
/// ranks that do not fit the replicas, classes that differ between training and validation, …
Setup prepare(Options options, int ranks);

/// Everything that decides the bits of the run, for resuming: two runs with equal experiments have
/// equal weights at equal steps.
nlohmann::json describe_experiment(const Setup& setup);

/// In words, how `mine` differs from a checkpoint's `other`; empty when they agree.
std::string experiment_difference(const nlohmann::json& mine, const nlohmann::json& other);

/// Versions, host and device, for people.
nlohmann::json describe_provenance(const Device& device, int ranks);

}  // namespace resnext::worker
