#include "data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "data/decode/decode.h"

namespace resnext::data {
namespace {

/// Decode threads are handed work in chunks of about this many stored bytes: many small images, so
/// that the lock costs nothing an image, but one large image, so that all threads share a batch.
constexpr std::size_t kChunkBytes = 64 * 1024;

/// A decode thread's image buffer is kept between images unless a rare huge one made it larger.
constexpr std::size_t kKeptImageBytes = std::size_t(32) << 20;

/// A batch in the making. Its buffers are reused by the batches that follow in the same slot.
/// The reader fills `batch` up to the values, `epoch` and `stored`; decode threads read those and
/// write their samples' values; what is below is guarded by the loader's mutex.
struct Slot {
  LoadedBatch batch;
  std::uint64_t epoch = 0;
  std::vector<StoredSample> stored;

  bool read = false;       ///< all of its chunks have been handed out
  std::size_t chunks = 0;  ///< handed out and not yet decoded
  std::exception_ptr error;
  std::size_t error_position = 0;

  bool finished() const { return read && chunks == 0; }

  /// Of several errors the one of the first sample is kept, whichever thread was first.
  void fail(std::size_t position, std::exception_ptr what) {
    if (error && error_position <= position) return;
    error = std::move(what);
    error_position = position;
  }
};

/// Samples [begin, end) of a slot.
struct Chunk {
  Slot* slot = nullptr;
  std::size_t begin = 0, end = 0;
};

/// What a decoding thread reuses from sample to sample.
struct DecodeScratch {
  StoredSample stored;  ///< of a source that is read in parallel
  Image image;
  ResizeScratch resize;
};

void check_options(const DatasetInfo& info, const Loader::Options& options) {
  if (options.size < 1 || options.decode_threads < 0 || options.queue_batches < 1)
    throw std::invalid_argument(
        fmt::format("a loader of size {}, {} decode threads and {} batches in its queue: size and "
                    "queue must be positive, threads not negative",
                    options.size, options.decode_threads, options.queue_batches));
  const bool raw = info.encoding == Encoding::kRaw;
  const int channels = raw ? info.channels : 3;
  if (options.channels != channels)
    throw std::invalid_argument(fmt::format("{}: its images have {} channels, not {}", info.name,
                                            channels, options.channels));
  if (raw && (info.height < 1 || info.width < 1))
    throw std::invalid_argument(fmt::format("{}: raw images need a height and a width", info.name));
}

}  // namespace

struct Loader::State {
  State(ImageSource& source, const Transform& transform, RequestSource requests,
        const Options& options);
  ~State() { stop(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  const LoadedBatch* next();
  void stop();

  double wait_seconds_ = 0;

 private:
  // Reader thread.
  void read_batches();
  Slot* wait_for_free_slot();
  bool read_batch(Slot& slot, DecodeScratch& scratch);
  bool read_samples(Slot& slot, DecodeScratch& scratch);
  bool hand_out_unread(Slot& slot, DecodeScratch& scratch);
  void hand_out(const Chunk& chunk, DecodeScratch& scratch);

  // Decode threads.
  void decode_chunks();
  void decode(const Chunk& chunk, DecodeScratch& scratch);
  void decode_sample(Slot& slot, std::size_t position, DecodeScratch& scratch) const;

  std::exception_ptr with_context(std::uint32_t sample) const;

  ImageSource& source_;
  const Transform& transform_;
  const RequestSource requests_;
  const Options options_;
  const std::size_t sample_values_;  ///< of one output image

  std::atomic<bool> stopping_ = false;
  std::exception_ptr failure_;  ///< consumer only: what next() threw

  std::mutex mutex_;  ///< guards what follows, and the slots' states
  std::condition_variable slot_freed_, chunk_added_, batch_finished_;
  std::vector<Slot> slots_;      ///< batch i lives in slot i % size
  std::deque<Chunk> chunks_;     ///< read, and waiting for a decode thread
  std::uint64_t begun_ = 0;      ///< batches that the reader has put into slots
  std::uint64_t delivered_ = 0;  ///< batches given to the consumer
  std::uint64_t released_ = 0;   ///< batches that the consumer is done with
  bool ended_ = false;           ///< the reader will begin no more

  std::vector<std::thread> threads_;
};

Loader::State::State(ImageSource& source, const Transform& transform, RequestSource requests,
                     const Options& options)
    : source_(source),
      transform_(transform),
      requests_(std::move(requests)),
      options_(options),
      sample_values_(std::size_t(options_.size) * options_.size * options_.channels) {
  check_options(source_.info(), options_);
  slots_.resize(options_.queue_batches);
  try {
    for (int i = 0; i < options_.decode_threads; ++i)
      threads_.emplace_back([this] { decode_chunks(); });
    threads_.emplace_back([this] { read_batches(); });
  } catch (...) {  // no thread to be had: the destructor will not run
    stop();
    throw;
  }
}

void Loader::State::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  slot_freed_.notify_all();
  chunk_added_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

// ---- Consumer ------------------------------

const LoadedBatch* Loader::State::next() {
  if (failure_) std::rethrow_exception(failure_);
  Slot* slot = nullptr;
  {
    std::unique_lock lock(mutex_);
    released_ = delivered_;
    slot_freed_.notify_one();
    const auto has_next = [&] {
      return delivered_ < begun_ && slots_[delivered_ % slots_.size()].finished();
    };
    const auto at_end = [&] { return ended_ && delivered_ == begun_; };
    if (!has_next() && !at_end()) {
      const auto start = std::chrono::steady_clock::now();
      batch_finished_.wait(lock, [&] { return has_next() || at_end(); });
      wait_seconds_ +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    if (at_end()) return nullptr;
    slot = &slots_[delivered_ % slots_.size()];
    if (!slot->error) {
      ++delivered_;
      return &slot->batch;
    }
  }
  failure_ = slot->error;
  stop();
  std::rethrow_exception(failure_);
}

// ---- Reader ------------------------------

void Loader::State::read_batches() {
  DecodeScratch scratch;  // for when there are no decode threads
  Slot* slot = wait_for_free_slot();
  while (slot && read_batch(*slot, scratch)) slot = wait_for_free_slot();
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  batch_finished_.notify_one();
}

/// nullptr when the loader is stopping.
Slot* Loader::State::wait_for_free_slot() {
  std::unique_lock lock(mutex_);
  slot_freed_.wait(lock, [&] { return stopping_ || begun_ - released_ < slots_.size(); });
  return stopping_ ? nullptr : &slots_[begun_ % slots_.size()];
}

/// Takes a request and reads it into the slot; false when no batch is to follow: the requests have
/// ended, reading failed, or the loader is stopping.
bool Loader::State::read_batch(Slot& slot, DecodeScratch& scratch) {
  std::exception_ptr error;
  try {
    std::optional<BatchRequest> request = requests_();
    if (!request) return false;
    const std::size_t count = request->samples.size();
    slot.epoch = request->epoch;
    slot.batch.samples = std::move(request->samples);
    slot.batch.labels.resize(count);
    slot.batch.values.resize(count * sample_values_);
    if (slot.stored.size() < count) slot.stored.resize(count);
  } catch (...) {
    error = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    slot.read = false;
    slot.error = error;
    slot.error_position = 0;
    ++begun_;
  }
  const bool good = !error && (source_.reads_in_parallel() ? hand_out_unread(slot, scratch)
                                                           : read_samples(slot, scratch));
  {
    const std::lock_guard lock(mutex_);
    slot.read = true;
  }
  batch_finished_.notify_one();
  return good;
}

/// False when a sample could not be read, or the loader is stopping.
bool Loader::State::read_samples(Slot& slot, DecodeScratch& scratch) {
  const std::vector<std::uint32_t>& samples = slot.batch.samples;
  Chunk chunk{&slot, 0, 0};
  std::size_t bytes = 0;
  for (std::size_t position = 0; position < samples.size(); ++position) {
    if (stopping_) return false;
    StoredSample& stored = slot.stored[position];
    try {
      source_.read(samples[position], stored);
    } catch (...) {
      const std::exception_ptr error = with_context(samples[position]);
      hand_out(chunk, scratch);  // an earlier sample may be bad, too
      const std::lock_guard lock(mutex_);
      slot.fail(position, error);
      return false;
    }
    slot.batch.labels[position] = stored.label;
    chunk.end = position + 1;
    bytes += stored.bytes.size();
    if (bytes >= kChunkBytes || chunk.end == samples.size()) {
      hand_out(chunk, scratch);
      chunk.begin = chunk.end;
      bytes = 0;
    }
  }
  return true;
}

/// For the decode threads to read, too. False when the loader is stopping.
bool Loader::State::hand_out_unread(Slot& slot, DecodeScratch& scratch) {
  const DatasetInfo& info = source_.info();
  const std::size_t image_bytes = std::size_t(info.height) * info.width * info.channels;
  const std::size_t most = std::max<std::size_t>(1, kChunkBytes / (image_bytes + 1));
  const std::size_t count = slot.batch.samples.size();
  for (std::size_t begin = 0; begin < count && !stopping_; begin += most)
    hand_out({&slot, begin, std::min(begin + most, count)}, scratch);
  return !stopping_;
}

void Loader::State::hand_out(const Chunk& chunk, DecodeScratch& scratch) {
  if (chunk.begin == chunk.end) return;
  const bool decode_here = options_.decode_threads == 0;
  {
    const std::lock_guard lock(mutex_);
    ++chunk.slot->chunks;
    if (!decode_here) chunks_.push_back(chunk);
  }
  if (decode_here)
    decode(chunk, scratch);
  else
    chunk_added_.notify_one();
}

// ---- Decode threads ------------------------------

void Loader::State::decode_chunks() {
  DecodeScratch scratch;
  for (;;) {
    Chunk chunk;
    {
      std::unique_lock lock(mutex_);
      chunk_added_.wait(lock, [&] { return stopping_ || !chunks_.empty(); });
      if (stopping_) return;
      chunk = chunks_.front();
      chunks_.pop_front();
    }
    decode(chunk, scratch);
  }
}

void Loader::State::decode(const Chunk& chunk, DecodeScratch& scratch) {
  Slot& slot = *chunk.slot;
  std::size_t position = chunk.begin;
  std::exception_ptr error;
  try {
    for (; position < chunk.end && !stopping_; ++position) decode_sample(slot, position, scratch);
  } catch (...) {
    error = with_context(slot.batch.samples[position]);
  }
  const std::lock_guard lock(mutex_);
  if (error) slot.fail(position, error);
  --slot.chunks;
  if (slot.finished()) batch_finished_.notify_one();
}

void Loader::State::decode_sample(Slot& slot, std::size_t position, DecodeScratch& scratch) const {
  const DatasetInfo& info = source_.info();
  const bool unread = source_.reads_in_parallel();
  StoredSample& stored = unread ? scratch.stored : slot.stored[position];
  if (unread) {
    source_.read(slot.batch.samples[position], stored);
    slot.batch.labels[position] = stored.label;
  }
  Image& image = scratch.image;
  const auto output =
      std::span(slot.batch.values).subspan(position * sample_values_, sample_values_);
  const DrawKey key{options_.seed, slot.epoch, slot.batch.samples[position]};
  if (info.encoding == Encoding::kEncoded) {
    const auto looked_at = [this, &key](const Extent& whole) {
      return transform_.looked_at(whole, key);
    };
    decode_image(stored.bytes, looked_at, image);
    transform_.apply(image, key, scratch.resize, output);
    if (image.pixels.capacity() > kKeptImageBytes) image = Image();
    return;
  }
  if (stored.bytes.size() != std::size_t(info.height) * info.width * info.channels)
    throw std::runtime_error(fmt::format("{} bytes are not {}x{}x{} pixels", stored.bytes.size(),
                                         info.height, info.width, info.channels));
  image.height = info.height;
  image.width = info.width;
  image.channels = info.channels;
  std::swap(image.pixels, stored.bytes);
  transform_.apply(image, key, scratch.resize, output);
  std::swap(image.pixels, stored.bytes);
}

/// The exception being handled, with the data set's name and the sample's number.
std::exception_ptr Loader::State::with_context(std::uint32_t sample) const {
  try {
    throw;
  } catch (const std::exception& error) {
    return std::make_exception_ptr(std::runtime_error(
        fmt::format("{}: sample {}: {}", source_.info().name, sample, error.what())));
  } catch (...) {
    return std::current_exception();
  }
}

// ---- Loader ------------------------------

Loader::Loader(ImageSource& source, const Transform& transform, RequestSource requests,
               const Options& options)
    : state_(std::make_unique<State>(source, transform, std::move(requests), options)) {}

Loader::~Loader() = default;

const LoadedBatch* Loader::next() {
  return state_->next();
}

double Loader::take_wait_seconds() {
  return std::exchange(state_->wait_seconds_, 0.0);
}

}  // namespace resnext::data
