#include "data/pack/sample_batches.h"

#include <atomic>
#include <chrono>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "data/shard_header.h"

namespace resnext::data {
namespace {

/// Sample i is `size` bytes of value i; some take longer to read, so that threads overtake.
class UnevenSource : public PackSource {
 public:
  UnevenSource(std::size_t samples, std::uint64_t size) : size_(size) {
    info_.size = samples;
    info_.encoding = Encoding::kEncoded;
  }
  const DatasetInfo& info() const override { return info_; }
  std::uint64_t sample_bytes(std::size_t) const override { return size_; }
  void read(std::size_t index, StoredSample& sample) override {
    ++reads;
    if (index % 97 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (index >= fail_from) throw std::runtime_error(fmt::format("sample {} failed", index));
    sample.bytes.assign(size_, static_cast<std::uint8_t>(index));
    sample.label = static_cast<std::int32_t>(index);
  }

  std::size_t fail_from = ~std::size_t(0);
  std::atomic<std::size_t> reads = 0;

 private:
  DatasetInfo info_;
  std::uint64_t size_;
};

std::vector<std::uint32_t> backwards(std::size_t size) {
  std::vector<std::uint32_t> order(size);
  std::iota(order.rbegin(), order.rend(), 0u);
  return order;
}

TEST(SampleBatches, ComeInOrderAndEndWithTheirRanges) {
  const auto order = backwards(3000);
  const std::vector<SampleRange> ranges = {{10, 700}, {700, 701}, {900, 3000}};
  for (const unsigned jobs : {1u, 3u, 8u}) {
    UnevenSource source(3000, 5);
    SampleBatches batches(source, order, ranges, jobs);
    for (const auto& range : ranges)
      for (std::size_t at = range.first; at < range.end;) {
        const SampleBatch& batch = batches.next();
        ASSERT_EQ(batch.bytes.size(), 5 * batch.labels.size());
        ASSERT_EQ(batch.checksums.size(), batch.labels.size());
        for (std::size_t i = 0; i < batch.labels.size(); ++i, ++at) {
          ASSERT_LT(at, range.end);
          ASSERT_EQ(batch.labels[i], static_cast<std::int32_t>(order[at]));
          const std::vector<std::uint8_t> bytes(5, static_cast<std::uint8_t>(order[at]));
          ASSERT_EQ(std::vector(batch.bytes.begin() + 5 * i, batch.bytes.begin() + 5 * (i + 1)),
                    bytes);
          ASSERT_EQ(batch.checksums[i], sample_checksum(bytes, batch.labels[i]));
        }
      }
    EXPECT_EQ(source.reads, 690u + 1 + 2100);
  }
}

TEST(SampleBatches, ReadAheadOnlySoFar) {
  UnevenSource source(1000, 1 << 20);
  const auto order = backwards(1000);
  {
    SampleBatches batches(source, order, {{0, 1000}}, 2);
    batches.next();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_LE(source.reads, 4u);
    batches.next();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    EXPECT_EQ(source.reads, 5u);
  }
  EXPECT_EQ(source.reads, 5u);
}

TEST(SampleBatches, ThrowForTheFirstSampleInOrderThatFails) {
  UnevenSource source(3000, 5);
  source.fail_from = 1000;
  std::vector<std::uint32_t> order(3000);
  std::iota(order.begin(), order.end(), 0u);
  SampleBatches batches(source, order, {{0, 3000}}, 4);
  std::size_t done = 0;
  try {
    while (done < 3000) done += batches.next().labels.size();
    FAIL();
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "sample 1000 failed");
  }
  EXPECT_EQ(done, 768u);  // whole batches of 256 before it
}

}  // namespace
}  // namespace resnext::data
