#pragma once
// The views of test images, image after image: read by one thread at a time, decoded and resized by
// several. Unlike data::Loader's batches, views differ in number and size.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/image_source.h"
#include "worker/evaluation/test_protocol.h"

namespace resnext::worker {

struct ImageViews {
  struct View {
    data::Extent extent;
    std::vector<float> values;  ///< C, H, W: normalised
  };
  std::uint32_t sample = 0;
  std::int32_t label = 0;
  std::vector<View> views;
};

class ViewLoader {
 public:
  struct Options {
    int threads = 1;  ///< that read and decode; at least one
    int ahead = 2;    ///< images held at most, the consumer's included
    /// What error messages call a sample; empty: "SET: sample 17".
    std::function<std::string(std::size_t)> name;
  };

  /// Starts the threads. `source` and `views` must outlive the loader.
  ViewLoader(data::ImageSource& source, const ProtocolViews& views,
             std::vector<std::uint32_t> samples, const Options& options);
  ~ViewLoader();  ///< stops and joins the threads
  ViewLoader(const ViewLoader&) = delete;
  ViewLoader& operator=(const ViewLoader&) = delete;

  /// The next image, valid until the next call; nullptr after the last. What failed is thrown when
  /// its image's turn comes, as std::runtime_error naming it; then there is nothing more to be had.
  const ImageViews* next();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace resnext::worker
