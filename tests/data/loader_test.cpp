#include "data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "data/synthetic.h"
#include "tests/data/allocation_count.h"
#include "tests/data/python.h"

namespace resnext::data {
namespace {

using namespace std::chrono_literals;

const ChannelStatistics kNeutral{{0, 0, 0}, {1, 1, 1}};

/// 4x4 grey images whose bytes tell their index; can be slow, or fail at a sample.
class FakeSource final : public ImageSource {
 public:
  explicit FakeSource(std::size_t size = 1000) {
    info_.name = "fake";
    info_.size = size;
    info_.class_names = {"a", "b", "c"};
    info_.height = info_.width = 4;
    info_.channels = 1;
  }

  const DatasetInfo& info() const override { return info_; }
  bool reads_in_parallel() const override { return parallel; }

  void read(std::size_t index, StoredSample& sample) override {
    ++reads;
    {
      const std::lock_guard lock(mutex_);
      threads_.insert(std::this_thread::get_id());
    }
    if (delay > 0ms) std::this_thread::sleep_for(delay);
    if (index == bad_read) throw std::runtime_error("disk gone");
    sample.label = static_cast<std::int32_t>(index % 3);
    sample.bytes.resize(index == short_sample ? 15 : 16);
    for (std::size_t i = 0; i < sample.bytes.size(); ++i)
      sample.bytes[i] = static_cast<std::uint8_t>(index * 7 + i);
  }

  std::size_t reading_threads() {
    const std::lock_guard lock(mutex_);
    return threads_.size();
  }

  static constexpr std::size_t kNone = ~std::size_t(0);
  std::size_t bad_read = kNone, short_sample = kNone;
  bool parallel = false;
  std::chrono::milliseconds delay = 0ms;
  std::atomic<int> reads = 0;

 private:
  DatasetInfo info_;
  std::mutex mutex_;
  std::set<std::thread::id> threads_;
};

/// Copies; can be slow, or fail at some samples.
class FakeTransform final : public Transform {
 public:
  void apply(const Image& image, const DrawKey& key, ResizeScratch&,
             std::span<float> output) const override {
    ++calls;
    if (delay > 0ms) std::this_thread::sleep_for(delay);
    if (bad.contains(key.sample)) throw std::runtime_error("not a picture");
    std::copy(image.pixels.begin(), image.pixels.end(), output.begin());
  }

  std::set<std::uint64_t> bad;
  std::chrono::milliseconds delay = 0ms;
  mutable std::atomic<int> calls = 0;
};

/// `batches` batches of `size` samples, counting on from 0; counts what was asked for.
struct CountingRequests {
  std::shared_ptr<std::atomic<int>> asked = std::make_shared<std::atomic<int>>(0);
  int batches = 10;
  std::uint32_t size = 8;
  std::uint32_t next = 0;

  std::optional<BatchRequest> operator()() {
    if (*asked >= batches) return std::nullopt;
    ++*asked;
    BatchRequest request{1, std::vector<std::uint32_t>(size)};
    for (std::uint32_t& sample : request.samples) sample = next++;
    return request;
  }
};

Loader::Options small(int threads, int queue = 3) {
  return {.size = 4, .channels = 1, .decode_threads = threads, .queue_batches = queue, .seed = 5};
}

std::string message_of(Loader& loader) {
  try {
    loader.next();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "nothing was thrown";
}

class LoaderThreads : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(, LoaderThreads, testing::Values(0, 1, 3));

/// Whether the source is read in parallel makes no difference to what comes.
void expect_what_was_asked_for(FakeSource& source, int threads) {
  const FakeTransform transform;
  Loader loader(source, transform, CountingRequests{.batches = 20}, small(threads));
  for (std::uint32_t batch = 0; batch < 20; ++batch) {
    const LoadedBatch* loaded = loader.next();
    ASSERT_NE(loaded, nullptr);
    ASSERT_EQ(loaded->samples.size(), 8u);
    ASSERT_EQ(loaded->labels.size(), 8u);
    ASSERT_EQ(loaded->values.size(), 8u * 16u);
    for (std::uint32_t i = 0; i < 8; ++i) {
      EXPECT_EQ(loaded->samples[i], batch * 8 + i);
      EXPECT_EQ(loaded->labels[i], std::int32_t(batch * 8 + i) % 3);
      EXPECT_EQ(loaded->values[i * 16 + 3], std::uint8_t((batch * 8 + i) * 7 + 3));
    }
  }
  EXPECT_EQ(loader.next(), nullptr);
  EXPECT_EQ(loader.next(), nullptr);
}

TEST_P(LoaderThreads, BatchesComeInOrderWithWhatWasAskedFor) {
  FakeSource source;
  expect_what_was_asked_for(source, GetParam());
  EXPECT_EQ(source.reading_threads(), 1u);
}

TEST_P(LoaderThreads, SourcesReadInParallelGiveTheSame) {
  FakeSource source;
  source.parallel = true;
  source.delay = 1ms;
  expect_what_was_asked_for(source, GetParam());
  EXPECT_EQ(source.reading_threads(), std::size_t(std::max(1, GetParam())));
}

TEST_P(LoaderThreads, ABadSampleOfASourceReadInParallelIsNamed) {
  FakeSource source;
  source.parallel = true;
  source.bad_read = 21;
  const FakeTransform transform;
  Loader loader(source, transform, CountingRequests{.batches = 20}, small(GetParam()));
  EXPECT_NE(loader.next(), nullptr);
  EXPECT_NE(loader.next(), nullptr);
  EXPECT_EQ(message_of(loader), "fake: sample 21: disk gone");
}

// The same as reading and transforming one sample after the other, with no loader at all.
TEST_P(LoaderThreads, ContentDoesNotDependOnTheThreads) {
  const SyntheticOptions set{.size = 500, .height = 40, .width = 50};
  const auto source = make_synthetic(set), direct = make_synthetic(set);
  const auto transform = make_augmentation("imagenet", 24, kNeutral);
  constexpr std::size_t kSizes[] = {64, 1, 0, 100, 33, 0, 0, 64, 7};
  std::size_t batch = 0;
  const auto requests = [&]() -> std::optional<BatchRequest> {
    if (batch == std::size(kSizes)) return std::nullopt;
    BatchRequest request{batch, std::vector<std::uint32_t>(kSizes[batch])};
    for (std::size_t i = 0; i < request.samples.size(); ++i)
      request.samples[i] = static_cast<std::uint32_t>((batch * 131 + i * 17) % 500);
    ++batch;
    return request;
  };
  Loader loader(*source, *transform, requests,
                {.size = 24, .channels = 3, .decode_threads = GetParam(), .seed = 9});
  StoredSample stored;
  ResizeScratch scratch;
  std::vector<float> expected(24 * 24 * 3);
  for (std::size_t b = 0; b < std::size(kSizes); ++b) {
    const LoadedBatch* loaded = loader.next();
    ASSERT_NE(loaded, nullptr);
    ASSERT_EQ(loaded->samples.size(), kSizes[b]);
    ASSERT_EQ(loaded->labels.size(), kSizes[b]);
    ASSERT_EQ(loaded->values.size(), kSizes[b] * expected.size());
    for (std::size_t i = 0; i < kSizes[b]; ++i) {
      direct->read(loaded->samples[i], stored);
      const Image image{40, 50, 3, stored.bytes};
      transform->apply(image, {9, b, loaded->samples[i]}, scratch, expected);
      ASSERT_EQ(loaded->labels[i], stored.label);
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(),
                             loaded->values.data() + i * expected.size()));
    }
  }
  EXPECT_EQ(loader.next(), nullptr);
}

TEST_P(LoaderThreads, RunsNoFurtherAheadThanTheQueue) {
  for (const int queue : {1, 2, 4}) {
    FakeSource source;
    const FakeTransform transform;
    CountingRequests requests{.batches = 20};
    const auto asked = requests.asked;
    Loader loader(source, transform, requests, small(GetParam(), queue));
    // With k batches taken the consumer still holds one.
    for (int taken = 0; taken < 6; ++taken) {
      const int most = std::max(taken - 1, 0) + queue;
      for (int i = 0; i < 2000 && *asked < most; ++i) std::this_thread::sleep_for(1ms);
      EXPECT_EQ(*asked, most);
      std::this_thread::sleep_for(5ms);
      EXPECT_EQ(*asked, most) << "after " << taken << " batches";
      ASSERT_NE(loader.next(), nullptr);
    }
  }
}

// The consumer's batch must stay as it is while the threads work on.
TEST_P(LoaderThreads, ASlowConsumerKeepsItsBatch) {
  FakeSource source;
  const FakeTransform transform;
  Loader loader(source, transform, CountingRequests{.batches = 8}, small(GetParam(), 2));
  while (const LoadedBatch* loaded = loader.next()) {
    const LoadedBatch copy = *loaded;
    std::this_thread::sleep_for(3ms);
    EXPECT_EQ(loaded->values, copy.values);
    EXPECT_EQ(loaded->samples, copy.samples);
    EXPECT_EQ(loaded->labels, copy.labels);
  }
}

TEST_P(LoaderThreads, CanBeDestroyedAtAnyMoment) {
  for (int trial = 0; trial < 60; ++trial) {
    FakeSource source(100000);
    FakeTransform transform;
    source.delay = trial % 3 == 1 ? 1ms : 0ms;
    transform.delay = trial % 3 == 2 ? 1ms : 0ms;
    {
      Loader loader(source, transform, CountingRequests{.batches = 1000},
                    small(GetParam(), 1 + trial % 4));
      for (int i = 0; i < trial % 5; ++i) loader.next();
      if (trial % 2) std::this_thread::sleep_for(std::chrono::microseconds(trial * 20));
    }
    const int reads = source.reads, calls = transform.calls;
    if (trial % 20 == 0) std::this_thread::sleep_for(5ms);
    EXPECT_EQ(source.reads, reads);
    EXPECT_EQ(transform.calls, calls);
  }
}

TEST_P(LoaderThreads, AFailedReadIsThrownInItsTurnAndEndsTheThreads) {
  FakeSource source;
  source.bad_read = 17;
  const FakeTransform transform;
  Loader loader(source, transform, CountingRequests{}, small(GetParam()));
  for (std::uint32_t batch = 0; batch < 2; ++batch) {
    const LoadedBatch* loaded = loader.next();
    ASSERT_NE(loaded, nullptr);
    EXPECT_EQ(loaded->samples[0], batch * 8);
  }
  EXPECT_EQ(message_of(loader), "fake: sample 17: disk gone");
  EXPECT_EQ(source.reads, 18);
  EXPECT_EQ(message_of(loader), "fake: sample 17: disk gone");
  EXPECT_EQ(source.reads, 18);
}

// Several bad samples in a batch: always the first is named, whichever thread meets its own first.
TEST_P(LoaderThreads, TheFirstBadSampleOfABatchIsNamed) {
  for (int trial = 0; trial < 30; ++trial) {
    FakeSource source(100000);
    FakeTransform transform;
    transform.bad = {10000, 14000, 19999};
    source.bad_read = trial % 2 ? 19998 : FakeSource::kNone;
    // 10,000 samples are more than two chunks.
    Loader loader(source, transform, CountingRequests{.size = 10000}, small(GetParam()));
    ASSERT_NE(loader.next(), nullptr);
    EXPECT_EQ(message_of(loader), "fake: sample 10000: not a picture");
    const int reads = source.reads, calls = transform.calls;
    std::this_thread::sleep_for(1ms);
    EXPECT_EQ(source.reads, reads);
    EXPECT_EQ(transform.calls, calls);
  }
}

TEST_P(LoaderThreads, ARawSampleOfTheWrongSizeIsNamed) {
  FakeSource source;
  source.short_sample = 3;
  const FakeTransform transform;
  Loader loader(source, transform, CountingRequests{}, small(GetParam()));
  EXPECT_EQ(message_of(loader), "fake: sample 3: 15 bytes are not 4x4x1 pixels");
}

TEST_P(LoaderThreads, WhatTheRequestsThrowArrivesAsItIs) {
  FakeSource source;
  const FakeTransform transform;
  int calls = 0;
  const auto requests = [&]() -> std::optional<BatchRequest> {
    if (++calls == 2) throw std::out_of_range("no such step");
    return BatchRequest{1, {1, 2, 3}};
  };
  Loader loader(source, transform, requests, small(GetParam()));
  EXPECT_NE(loader.next(), nullptr);
  EXPECT_THROW(loader.next(), std::out_of_range);
}

TEST_P(LoaderThreads, AllocatesNothingASampleOnceItRuns) {
  const auto source = make_synthetic({.size = 1000});
  const auto transform = make_augmentation("cifar", 32, kNeutral);
  Loader loader(*source, *transform,
                [i = 0]() mutable -> std::optional<BatchRequest> {
                  if (i++ == 60) return std::nullopt;
                  return BatchRequest{1, std::vector<std::uint32_t>(200, 7)};
                },
                {.size = 32, .channels = 3, .decode_threads = GetParam()});
  const float* values = nullptr;
  std::size_t before = 0;
  for (int batch = 0; batch < 60; ++batch) {
    const LoadedBatch* loaded = loader.next();
    ASSERT_NE(loaded, nullptr);
    if (batch == 20) {
      before = allocation_count();
      values = loaded->values.data();
    }
    if (batch > 20 && (batch - 20) % 3 == 0) {
      EXPECT_EQ(loaded->values.data(), values);
    }
  }
  EXPECT_LT(allocation_count() - before, 40u * 10u);  // 40 batches of 200 samples
}

TEST(Loader, CountsTheTimeItKeptItsCallerWaiting) {
  FakeSource source;
  source.delay = 10ms;
  const FakeTransform transform;
  Loader loader(source, transform, CountingRequests{.batches = 2, .size = 3}, small(1));
  loader.next();
  const double waited = loader.take_wait_seconds();
  EXPECT_GT(waited, 0.02);
  EXPECT_LT(waited, 10.0);
  EXPECT_EQ(loader.take_wait_seconds(), 0.0);
  while (source.reads < 6) std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(200ms);  // the second batch is decoded by now
  loader.next();
  EXPECT_LT(loader.take_wait_seconds(), 0.02);
}

TEST(Loader, RefusesOptionsThatContradictTheData) {
  FakeSource source;
  const FakeTransform transform;
  const auto attempt = [&](Loader::Options options) {
    Loader loader(source, transform, CountingRequests{}, options);
  };
  EXPECT_THROW(attempt({.size = 4, .channels = 3}), std::invalid_argument);
  EXPECT_THROW(attempt({.size = 0, .channels = 1}), std::invalid_argument);
  EXPECT_THROW(attempt({.size = 4, .channels = 1, .decode_threads = -1}), std::invalid_argument);
  EXPECT_THROW(attempt({.size = 4, .channels = 1, .queue_batches = 0}), std::invalid_argument);
  EXPECT_EQ(source.reads, 0);
}

/// The files given, as encoded samples.
class FileSource final : public ImageSource {
 public:
  explicit FileSource(std::vector<std::string> paths) : paths_(std::move(paths)) {
    info_.name = "files";
    info_.size = paths_.size();
    info_.class_names = {"only"};
    info_.encoding = Encoding::kEncoded;
  }
  const DatasetInfo& info() const override { return info_; }
  void read(std::size_t index, StoredSample& sample) override {
    std::ifstream file(paths_.at(index), std::ios::binary);
    sample.bytes.assign(std::istreambuf_iterator<char>(file), {});
  }

 private:
  std::vector<std::string> paths_;
  DatasetInfo info_;
};

TEST(Loader, DecodesFilesAndNamesTheOneThatIsNoImage) {
  const std::string folder = testing::TempDir();
  run_python(
      "import sys\n"
      "from PIL import Image\n"
      "for i, mode in enumerate(['RGB', 'L']):\n"
      "    image = Image.new('RGB', (40, 30), (10, 20 + i, 30))\n"
      "    image.convert(mode).save(f'{sys.argv[1]}/loader-{i}.png')\n"
      "open(f'{sys.argv[1]}/loader-2.png', 'w').write('<html>')\n",
      folder);
  FileSource source({folder + "/loader-0.png", folder + "/loader-1.png", folder + "/loader-2.png"});
  const auto transform = make_augmentation("imagenet", 8, kNeutral);
  const std::vector<std::vector<std::uint32_t>> batches = {{0, 1, 0}, {1, 2}};
  Loader loader(source, *transform,
                [&, i = std::size_t(0)]() mutable -> std::optional<BatchRequest> {
                  return BatchRequest{1, batches.at(i++)};
                },
                {.size = 8, .channels = 3, .decode_threads = 2});
  const LoadedBatch* loaded = loader.next();
  ASSERT_NE(loaded, nullptr);
  const std::uint8_t expected[3][3] = {{10, 20, 30}, {19, 19, 19}, {10, 20, 30}};
  for (std::size_t i = 0; i < loaded->values.size(); ++i)
    ASSERT_NEAR(loaded->values[i] * 255, expected[i / (8 * 8 * 3)][i / (8 * 8) % 3], 1e-4);
  EXPECT_EQ(message_of(loader).rfind("files: sample 2: ", 0), 0u) << message_of(loader);
}

}  // namespace
}  // namespace resnext::data
