#include "worker/evaluation/test_protocol.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/comma_list.h"
#include "cli/nearest_name.h"
#include "cli/program.h"

namespace resnext::worker {
namespace po = boost::program_options;

namespace {

constexpr int kLargestSide = 16384;

struct ViewsName {
  const char* name;
  Views views;
};
constexpr ViewsName kViews[] = {
    {"centre", Views::kCentre}, {"ten-crop", Views::kTenCrop}, {"multi-scale", Views::kMultiScale}};

[[noreturn]] void refuse(const std::string& option, const std::string& reason) {
  throw cli::UsageError(fmt::format("--{}: {}", option, reason));
}

Views parse_views(const std::string& name) {
  std::vector<std::string> names;
  for (const ViewsName& known : kViews) {
    if (name == known.name) return known.views;
    names.emplace_back(known.name);
  }
  refuse("protocol", fmt::format("unknown value '{}'{} (one of: {})", name,
                                 cli::did_you_mean(name, names), fmt::join(names, ", ")));
}

Average parse_average(const std::string& name) {
  if (name == "logits") return Average::kLogits;
  if (name == "probabilities") return Average::kProbabilities;
  refuse("average", fmt::format("unknown value '{}' (one of: logits, probabilities)", name));
}

void require_side(const std::string& option, int side) {
  if (side >= 0 && side <= kLargestSide) return;
  refuse(option, fmt::format("must be between 1 and {}", kLargestSide));
}

/// The side that is to `size` as `side` to 224.
int in_proportion(int size, int side) {
  return static_cast<int>(std::int64_t(size) * side / 224);
}

std::vector<data::TestView> views_of(const TestProtocol& protocol) {
  switch (protocol.views) {
    case Views::kTenCrop:
      return data::ten_crop_views(protocol.resize, protocol.crop);
    case Views::kMultiScale:
      return data::dense_views(protocol.scales, true);
    default:
      return data::centre_crop_views(protocol.resize, protocol.crop);
  }
}

}  // namespace

void add_test_options(po::options_description& options, TestOptions& values) {
  options.add_options()("protocol", po::value(&values.protocol)->default_value(values.protocol),
                        "views of a test image: centre, ten-crop or multi-scale")(
      "test-crop", po::value(&values.crop), "pixels a side of test crops; default: the image size")(
      "test-resize", po::value(&values.resize),
      "shorter side that they are taken from; default: 256/224 of the crop")(
      "test-scales", po::value(&values.scales),
      "S,S,...: shorter sides of the whole images of multi-scale tests; default: "
      "224,256,384,480,640 for an image size of 224, and in proportion")(
      "average", po::value(&values.average)->default_value(values.average),
      "logits or probabilities: what is averaged over views");
}

TestProtocol parse_test_protocol(const TestOptions& options) {
  TestProtocol protocol;
  protocol.views = parse_views(options.protocol);
  protocol.average = parse_average(options.average);
  require_side("test-crop", options.crop);
  require_side("test-resize", options.resize);
  protocol.crop = options.crop;
  protocol.resize = options.resize;
  protocol.scales = cli::parse_positive_integers("test-scales", options.scales);
  for (const int scale : protocol.scales) require_side("test-scales", scale);
  if (protocol.views == Views::kMultiScale) {
    const std::string instead = "multi-scale tests crop nothing; --test-scales gives their sizes";
    if (options.crop > 0) refuse("test-crop", instead);
    if (options.resize > 0) refuse("test-resize", instead);
  } else if (!protocol.scales.empty()) {
    refuse("test-scales", "goes with --protocol multi-scale");
  }
  return protocol;
}

void fill_in(TestProtocol& protocol, int image_size) {
  if (protocol.views == Views::kMultiScale) {
    if (!protocol.scales.empty()) return;
    for (const int side : {224, 256, 384, 480, 640})
      protocol.scales.push_back(in_proportion(image_size, side));
    return;
  }
  if (protocol.crop == 0) protocol.crop = image_size;
  protocol.usual_resize = protocol.resize == 0;
  if (protocol.usual_resize) protocol.resize = in_proportion(protocol.crop, 256);
  if (protocol.resize < protocol.crop) {
    refuse("test-resize", fmt::format("a shorter side of {} has no crops of {} (--test-crop)",
                                      protocol.resize, protocol.crop));
  }
}

std::string protocol_name(Views views) {
  return std::ranges::find(kViews, views, &ViewsName::views)->name;
}

std::string average_name(Average average) {
  return average == Average::kLogits ? "logits" : "probabilities";
}

std::string describe(const TestProtocol& protocol) {
  const std::string averaged = average_name(protocol.average) + " averaged";
  switch (protocol.views) {
    case Views::kTenCrop:
      return fmt::format("ten crops of {} from a shorter side of {}, {}", protocol.crop,
                         protocol.resize, averaged);
    case Views::kMultiScale:
      return fmt::format("whole images and their mirrors at shorter sides of {}, {}",
                         fmt::join(protocol.scales, ","), averaged);
    default:
      return fmt::format(
          "centre crop of {} from a shorter side of {}{}", protocol.crop, protocol.resize,
          protocol.usual_resize ? fmt::format(" (or images of just {})", protocol.crop) : "");
  }
}

nlohmann::json attributes_of(const TestProtocol& protocol) {
  nlohmann::json json = {{"protocol", protocol_name(protocol.views)},
                         {"average", average_name(protocol.average)}};
  if (protocol.views == Views::kMultiScale) {
    json["test-scales"] = fmt::format("{}", fmt::join(protocol.scales, ","));
  } else {
    json["test-crop"] = protocol.crop;
    json["test-resize"] = protocol.resize;
  }
  return json;
}

net::Graph testing_graph(const net::Graph& graph, Views views) {
  if (views != Views::kMultiScale) return graph;
  const auto pool = std::ranges::find(graph.nodes, net::Op::kGlobalAveragePool, &net::Node::op);
  net::GraphOptions options = graph.options;
  options.averaging_window = graph.nodes.at(pool->inputs.front()).output.height;
  return net::build_graph(graph.spec, graph.input, graph.classes, options);
}

ProtocolViews::ProtocolViews(const TestProtocol& protocol,
                             const data::ChannelStatistics& statistics)
    : views_(views_of(protocol), statistics),
      as_it_is_(data::centre_crop_views(std::max(1, protocol.crop), std::max(1, protocol.crop)),
                statistics) {
  if (protocol.views == Views::kCentre && protocol.usual_resize)
    own_size_ = {protocol.crop, protocol.crop};
}

const data::TestViews& ProtocolViews::of(const data::Extent& image) const {
  return image == own_size_ ? as_it_is_ : views_;
}

}  // namespace resnext::worker
