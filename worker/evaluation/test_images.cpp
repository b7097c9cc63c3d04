#include "worker/evaluation/test_images.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/decode/decode.h"
#include "data/shard_listing.h"
#include "data/shards.h"
#include "net/spec.h"
#include "worker/input_defaults.h"

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;

/// An image, as its first bytes tell.
bool is_image(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::array<char, 16> start{};
  file.read(start.data(), start.size());
  const std::vector<std::uint8_t> bytes(start.begin(), start.begin() + file.gcount());
  return data::image_format(bytes).has_value();
}

std::unique_ptr<data::ImageSource> open_images(const std::string& path) {
  const bool shards = fs::is_directory(path) ? !data::list_shard_sets(path).empty()
                                             : !fs::exists(path) || path.ends_with(".h5");
  if (shards && !is_image(path)) return data::open_shards(path);
  return std::make_unique<ImageFiles>(path);
}

}  // namespace

TestImages::TestImages(const PredictOptions& options, const StoredNetwork& network)
    : protocol_(options.protocol) {
  if (options.tensor.empty()) {
    open_source(options, network);
  } else {
    open_tensor(options, network);
  }
}

void TestImages::open_source(const PredictOptions& options, const StoredNetwork& network) {
  source_ = open_images(options.source);
  files_ = dynamic_cast<const ImageFiles*>(source_.get());
  const data::DatasetInfo& info = source_->info();
  name_ = info.name;
  size_ = info.size;
  if (info.channels != network.channels) {
    throw std::runtime_error(fmt::format("{} has images of {} channels, {} takes {}", name_,
                                         info.channels, network.path, network.channels));
  }
  image_size_ = options.image_size > 0 ? options.image_size : network.image_size;
  if (image_size_ == 0) image_size_ = default_image_size(network.spec, info);
  fill_in(protocol_, image_size_);
  data::ChannelStatistics statistics{options.mean, options.deviation};
  if (statistics.mean.empty()) statistics = network.normalisation;
  if (statistics.mean.empty()) statistics = default_normalisation(network.spec, info);
  if (statistics.mean.size() == 1) {
    statistics.mean.resize(info.channels, statistics.mean.front());
    statistics.deviation.resize(info.channels, statistics.deviation.front());
  }
  views_ = std::make_unique<ProtocolViews>(protocol_, statistics);

  std::vector<std::uint32_t> samples(size_);
  std::iota(samples.begin(), samples.end(), 0U);
  ViewLoader::Options loading;
  loading.threads = options.decode_threads;
  loading.ahead = 1 + std::max(loading.threads, 2 * options.batch / views_->count());
  if (files_) loading.name = [files = files_](std::size_t i) { return files->path(i); };
  loader_ = std::make_unique<ViewLoader>(*source_, *views_, std::move(samples), loading);
}

void TestImages::open_tensor(const PredictOptions& options, const StoredNetwork& network) {
  name_ = options.tensor;
  tensor_file_ = data::hdf5::File::open(name_);
  tensor_ = tensor_file_->dataset("/images");
  const data::hdf5::Dimensions& shape = tensor_->dimensions();
  const auto reasonable = [](std::uint64_t extent) { return extent >= 1 && extent <= 65536; };
  if (shape.size() != 4 || shape[1] != static_cast<std::uint64_t>(network.channels) ||
      shape[0] == 0 || !reasonable(shape[2]) || !reasonable(shape[3])) {
    throw std::runtime_error(fmt::format("{}: images is {}, not N x {} x H x W", name_,
                                         fmt::join(shape, " x "), network.channels));
  }
  size_ = shape[0];
  image_size_ = options.image_size > 0 ? options.image_size : network.image_size;
  if (image_size_ == 0) image_size_ = net::usual_input_side(network.spec);
  tensor_image_.views.resize(1);
  ImageViews::View& view = tensor_image_.views.front();
  view.extent = {static_cast<int>(shape[2]), static_cast<int>(shape[3])};
  view.values.resize(shape[1] * shape[2] * shape[3]);
}

LabelMatch TestImages::match_labels(const std::vector<std::string>& names, int classes) const {
  if (!source_ || source_->info().class_names.empty()) return {};
  const std::vector<std::string>& own = source_->info().class_names;
  if (names.empty()) {
    if (static_cast<int>(own.size()) == classes) return {same_classes(classes), ""};
    return {std::nullopt,
            fmt::format("no errors are counted: the names of the network's {} classes are not "
                        "known (--class-names), and {} has {}",
                        classes, name_, own.size())};
  }
  auto mapping = map_classes(names, own);
  if (mapping) return {std::move(mapping), ""};
  return {std::nullopt, fmt::format("no errors are counted: the {} classes of {} are not among the "
                                    "network's {}, or all of them in another order",
                                    own.size(), name_, names.size())};
}

const ImageViews& TestImages::next() {
  if (loader_) return *loader_->next();
  ImageViews::View& view = tensor_image_.views.front();
  tensor_->read_rows<float>(next_row_++, 1, view.values);
  return tensor_image_;
}

}  // namespace resnext::worker
