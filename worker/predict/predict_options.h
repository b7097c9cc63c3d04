#pragma once
// The command line of resnext-predict.

#include <string>
#include <vector>

#include "worker/evaluation/test_protocol.h"
#include "worker/options.h"

namespace resnext::worker {

struct PredictOptions {
  std::string source;  ///< images; empty with `tensor`
  std::string tensor;  ///< HDF5 file of normalised images
  /// Of each network of the ensemble; one model for all, or none: what the checkpoints say.
  std::vector<std::string> models, weights;
  std::string class_names;  ///< file; empty: what the checkpoints say
  std::string out, csv;     ///< either or both may be empty
  int top_k = 5;
  int batch = 32;
  int threads = 1, decode_threads = 1;
  int image_size = 0;                  ///< 0: as the network was trained
  std::vector<float> mean, deviation;  ///< empty: as the network was trained
  TestProtocol protocol;
};

struct ParsedPredictOptions {
  PredictOptions options;
  std::optional<InformationRequest> information;  ///< --help or --version
};

/// Throws cli::UsageError naming the option that is unknown, malformed, out of range or in
/// contradiction.
ParsedPredictOptions parse_predict_options(const std::vector<std::string>& arguments);

}  // namespace resnext::worker
