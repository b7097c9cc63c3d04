#pragma once
// Sets of small grey images on disk, for tests of what the worker makes of them.

#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "data/pack/shard_writer.h"

namespace resnext::worker {

struct SmallShards {
  std::vector<std::string> class_names = {"cat", "dog"};
  std::size_t size = 10;
  int height = 12, width = 12;
  data::Encoding encoding = data::Encoding::kRaw;
  int channels = 1;
};

/// Writes the set NAME into the folder; returns the path that --data takes.
inline std::string write_small_shards(const std::string& folder, const std::string& name,
                                      const SmallShards& shards) {
  class Source : public data::PackSource {
   public:
    explicit Source(const SmallShards& from) : from_(from) {
      info_.name = "test images";
      info_.size = from.size;
      info_.class_names = from.class_names;
      info_.encoding = from.encoding;
      info_.channels = from.channels;
      if (from.encoding == data::Encoding::kEncoded) return;
      info_.height = from.height;
      info_.width = from.width;
    }
    const data::DatasetInfo& info() const override { return info_; }
    std::uint64_t sample_bytes(std::size_t) const override {
      return static_cast<std::uint64_t>(from_.height * from_.width * from_.channels);
    }
    void read(std::size_t index, data::StoredSample& sample) override {
      sample.bytes.assign(sample_bytes(index), static_cast<std::uint8_t>(index));
      sample.label = static_cast<std::int32_t>(index % from_.class_names.size());
    }

   private:
    SmallShards from_;
    data::DatasetInfo info_;
  };
  Source source(shards);
  std::vector<std::uint32_t> order(shards.size);
  std::iota(order.begin(), order.end(), 0U);
  data::WriteOptions options;
  options.folder = folder;
  options.set_name = name;
  data::write_shards(source, order, options);
  return folder + "/" + name;
}

}  // namespace resnext::worker
