#pragma once
// A few images in memory, as a source to write shards from.

#include <string>
#include <utility>
#include <vector>

#include "data/pack/shard_writer.h"

namespace resnext::data {

class MemorySource : public PackSource {
 public:
  /// `count` samples of 2 x 3 grey pixels, or byte strings of different lengths; labels 0, 1, 2,
  /// 0...
  MemorySource(Encoding encoding, std::size_t count, std::uint8_t first = 0,
               std::vector<std::string> class_names = {"cat", "dog", "émeu"}) {
    info_.name = "memory";
    info_.size = count;
    info_.class_names = std::move(class_names);
    info_.encoding = encoding;
    if (encoding == Encoding::kRaw) {
      info_.height = 2;
      info_.width = 3;
      info_.channels = 1;
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t length = encoding == Encoding::kRaw ? 6 : 5 + i % 4;
      samples_.emplace_back(length, static_cast<std::uint8_t>(i + first));
    }
  }

  const DatasetInfo& info() const override { return info_; }
  std::uint64_t sample_bytes(std::size_t index) const override { return samples_[index].size(); }
  void read(std::size_t index, StoredSample& sample) override {
    if (index == fail_at) throw std::runtime_error("the source failed");
    sample.bytes = samples_[index];
    sample.label = static_cast<std::int32_t>(index % 3);
  }

  std::size_t fail_at = ~std::size_t(0);

 private:
  DatasetInfo info_;
  std::vector<std::vector<std::uint8_t>> samples_;
};

}  // namespace resnext::data
