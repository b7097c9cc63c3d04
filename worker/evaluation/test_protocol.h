#pragma once
// Test protocols: which views of an image a network is shown, and how its answers are averaged.

#include <string>
#include <vector>

#include <boost/program_options.hpp>
#include <nlohmann/json.hpp>

#include "data/augment/test_views.h"
#include "net/graph.h"
#include "worker/evaluation/scores.h"

namespace resnext::worker {

enum class Views {
  kCentre,      ///< one crop
  kTenCrop,     ///< centre, corners, and their mirror images
  kMultiScale,  ///< the whole image and its mirror image at several sizes, the classifier applied
                ///< at every place (paper, reference [14])
};

/// The protocol as the command line has it: 0 and empty stand for what fill_in() gives.
struct TestProtocol {
  Views views = Views::kCentre;
  Average average = Average::kLogits;
  int crop = 0;             ///< pixels of a side
  int resize = 0;           ///< what the shorter side is brought to before cropping
  std::vector<int> scales;  ///< multi-scale: what the shorter side is brought to
  /// The resize is the default one: then the single crop of an image that has just its size is the
  /// image itself.
  bool usual_resize = false;
};

/// Options as text, shared by the programs that test networks.
struct TestOptions {
  std::string protocol = "centre", scales{}, average = "logits";
  int crop = 0, resize = 0;
};
void add_test_options(boost::program_options::options_description& options, TestOptions& values);

/// Throws cli::UsageError naming the option that is wrong, or that the protocol does not take.
TestProtocol parse_test_protocol(const TestOptions& options);

/// Completes it for a network trained on images of image_size pixels a side: crops of that size,
/// from a shorter side of 256/224 of the crop; scales of 224, 256, 384, 480 and 640 for 224, and in
/// proportion. Throws cli::UsageError for a crop larger than what it is taken from.
void fill_in(TestProtocol& protocol, int image_size);

/// "centre", "ten-crop" or "multi-scale".
std::string protocol_name(Views views);
/// "logits" or "probabilities".
std::string average_name(Average average);
/// For people, e.g. "ten crops of 224 from a shorter side of 256, logits averaged".
std::string describe(const TestProtocol& protocol);
/// The completed protocol by the names of its options.
nlohmann::json attributes_of(const TestProtocol& protocol);

/// The network as the protocol wants it: `graph`, or for multi-scale tests with its classifier
/// applied at every position of an average over as many features as images of the graph's own size
/// have.
net::Graph testing_graph(const net::Graph& graph, Views views);

/// The protocol's views of images of any size.
class ProtocolViews {
 public:
  ProtocolViews(const TestProtocol& protocol, const data::ChannelStatistics& statistics);

  /// Of any image.
  int count() const { return views_.count(); }
  const data::TestViews& of(const data::Extent& image) const;

 private:
  data::TestViews views_, as_it_is_;
  data::Extent own_size_;  ///< of images for `as_it_is_`
};

}  // namespace resnext::worker
