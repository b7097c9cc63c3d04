#pragma once
// The input pipeline: one reader thread (the only one to touch HDF5) → a pool that decodes and
// augments → batches in order, at most `queue_batches` ahead of the consumer.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "data/augment/transform.h"
#include "data/image_source.h"

namespace resnext::data {

/// The samples of one batch, in order.
struct BatchRequest {
  std::uint64_t epoch = 0;  ///< for the random draws
  std::vector<std::uint32_t> samples;
};

/// Gives the requests one after the other, from the reader's thread; nullopt ends the stream.
using RequestSource = std::function<std::optional<BatchRequest>()>;

/// A decoded batch; the memory is the loader's.
struct LoadedBatch {
  std::vector<float> values;           ///< N, C, H, W: normalised
  std::vector<std::int32_t> labels;    ///< N
  std::vector<std::uint32_t> samples;  ///< N indices into the source
};

class Loader {
 public:
  struct Options {
    int size = 0;            ///< output height and width
    int channels = 3;        ///< output channels, as DatasetInfo::channels
    int decode_threads = 1;  ///< 0: the reader thread decodes too
    int queue_batches = 3;   ///< batches held at most, the consumer's included
    std::uint64_t seed = 0;  ///< of the augmentation's draws
  };

  /// Starts the threads. `source` and `transform` must outlive the loader. Throws
  /// std::invalid_argument for options that contradict each other or the data set.
  /// What the batches hold does not depend on the number of threads.
  Loader(ImageSource& source, const Transform& transform, RequestSource requests,
         const Options& options);
  ~Loader();  ///< stops and joins the threads, whatever their state
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch, valid until the next call; nullptr after the last. Blocks until it is decoded.
  /// What failed in a thread is thrown when its batch's turn comes, as std::runtime_error with the
  /// data set's name and the sample's number ("train: sample 17: not a JPEG or PNG"); the threads
  /// have ended by then, and every later call throws the same. One thread may call this.
  const LoadedBatch* next();

  /// Seconds that next() has waited in total since the last call of this function.
  double take_wait_seconds();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace resnext::data
