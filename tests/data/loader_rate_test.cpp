// The benchmark program loader_rate: what scripts read of it, and what it refuses.

#include <cstdint>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "data/pack/shard_writer.h"
#include "tests/data/data_program.h"
#include "tests/data/decode/encode_jpeg.h"
#include "tests/data/memory_source.h"

namespace resnext::data {
namespace {

/// The same JPEG over and over again.
class OneJpeg final : public PackSource {
 public:
  explicit OneJpeg(std::size_t count)
      : file_(encode_noisy_jpeg({"420", JpegColours::kYcc, 2, 2, false}, {60, 80})) {
    info_.name = "one jpeg";
    info_.size = count;
    info_.class_names = {"only"};
    info_.encoding = Encoding::kEncoded;
  }
  const DatasetInfo& info() const override { return info_; }
  std::uint64_t sample_bytes(std::size_t) const override { return file_.size(); }
  void read(std::size_t, StoredSample& sample) override {
    sample.bytes = file_;
    sample.label = 0;
  }

 private:
  std::vector<std::uint8_t> file_;
  DatasetInfo info_;
};

class LoaderRate : public DataProgram {
 protected:
  void write(PackSource& source) const {
    std::vector<std::uint32_t> order(source.info().size);
    std::iota(order.begin(), order.end(), 0U);
    write_shards(source, order, {folder_, "set", 1, false, {}});
  }
};

TEST_F(LoaderRate, ReportsEachRoundAndTheirMedians) {
  OneJpeg source(5);
  write(source);
  const Outcome outcome = run("set --rounds 2 --images 4 --size 32");
  ASSERT_EQ(outcome.code, 0) << outcome.output;
  const nlohmann::json report = nlohmann::json::parse(outcome.output);
  EXPECT_EQ(report.at("images"), 4);
  EXPECT_EQ(report.at("size"), 32);
  for (const std::string name : {"bare", "crop", "colour"}) {
    const auto rates = report.at(name).get<std::vector<double>>();
    ASSERT_EQ(rates.size(), 2u) << name;
    EXPECT_GT(rates[0], 0);
    EXPECT_NEAR(report.at(name + "_median").get<double>(), (rates[0] + rates[1]) / 2,
                1e-9 * rates[0]);
  }
  const auto bare = report.at("bare").get<std::vector<double>>();
  const auto crop = report.at("crop").get<std::vector<double>>();
  EXPECT_NEAR(report.at("crop_over_bare").get<double>(),
              (crop[0] / bare[0] + crop[1] / bare[1]) / 2, 1e-9);
}

TEST_F(LoaderRate, RefusesWhatItCannotMeasure) {
  expect_error("", 2, "usage: loader_rate SET");
  expect_error("set --rounds 0", 2, "numbers above 0");
  expect_error("set", 1, "set");
  MemorySource not_jpegs(Encoding::kEncoded, 3);
  write(not_jpegs);
  expect_error("set", 1, "set: sample 0: not a JPEG");
}

TEST_F(LoaderRate, RefusesRawPixels) {
  MemorySource raw(Encoding::kRaw, 3);
  write(raw);
  expect_error("set", 1, "set: a set of raw pixels");
}

}  // namespace
}  // namespace resnext::data
