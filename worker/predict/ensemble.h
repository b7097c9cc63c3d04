#pragma once
// Networks that answer together: read from files of weights and made ready to compute.

#include <memory>
#include <string>
#include <vector>

#include "data/augment/normalise.h"
#include "net/engine.h"
#include "net/graph.h"
#include "worker/predict/predict_options.h"
#include "worker/weights/weights.h"

namespace resnext::worker {

/// One file of weights, before its network is built.
struct StoredNetwork {
  std::string path;
  net::Spec spec;
  int channels = 0, classes = 0;
  std::vector<std::string> class_names;  ///< empty where the file has none
  /// As it was trained; 0 and empty where the file does not say.
  int image_size = 0;
  data::ChannelStatistics normalisation;
};

/// What the files say, in the order of --init. Throws std::runtime_error naming the file that
/// cannot be read, or two that cannot be asked the same (other classes, channels or inputs),
/// cli::UsageError naming --model where a file does not say what it is.
std::vector<StoredNetwork> read_networks(const PredictOptions& options);

class Ensemble {
 public:
  /// Builds the networks for images of image_size pixels a side and reads their weights.
  Ensemble(const std::vector<StoredNetwork>& stored, int image_size, const PredictOptions& options);

  struct Network {
    Weights weights;
    std::unique_ptr<net::Engine> engine;
  };
  const std::vector<Network>& networks() const { return networks_; }
  /// Of each network.
  net::Shape input() const { return input_; }
  int classes() const { return classes_; }

 private:
  net::Shape input_;
  int classes_ = 0;
  std::vector<Network> networks_;
};

}  // namespace resnext::worker
