#pragma once
// Small images of one size, all in memory: what the readers of IDX and CIFAR files give.

#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "data/crc32.h"
#include "data/pack/shard_writer.h"

namespace resnext::data {

class RawImages : public PackSource {
 public:
  /// `pixels` holds info.size images of info.height x info.width x info.channels. Throws
  /// std::runtime_error naming the first label that is not one of the classes.
  RawImages(DatasetInfo info, std::vector<std::uint8_t> pixels, std::vector<std::int32_t> labels)
      : info_(std::move(info)), pixels_(std::move(pixels)), labels_(std::move(labels)) {
    for (std::size_t i = 0; i < labels_.size(); ++i)
      if (labels_[i] < 0 || labels_[i] >= info_.classes())
        throw std::runtime_error(fmt::format("{}: sample {}: label {} is not one of the {} classes",
                                             info_.name, i, labels_[i], info_.classes()));
  }

  const DatasetInfo& info() const override { return info_; }
  std::uint64_t sample_bytes(std::size_t) const override {
    return std::uint64_t(info_.height) * info_.width * info_.channels;
  }
  void read(std::size_t index, StoredSample& sample) override {
    const auto first = pixels_.begin() + static_cast<std::ptrdiff_t>(index * sample_bytes(index));
    sample.bytes.assign(first, first + static_cast<std::ptrdiff_t>(sample_bytes(index)));
    sample.label = labels_[index];
  }
  std::string fingerprint() const override {
    return fmt::format("{:08x}", crc32(std::span<const std::int32_t>(labels_), crc32(pixels_)));
  }
  std::uint64_t index_bytes() const override {
    return pixels_.capacity() + labels_.capacity() * sizeof(std::int32_t);
  }

 private:
  DatasetInfo info_;
  std::vector<std::uint8_t> pixels_;
  std::vector<std::int32_t> labels_;
};

}  // namespace resnext::data
