#include "worker/evaluation/view_loader.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "data/decode/decode.h"

namespace resnext::worker {

struct ViewLoader::State {
  struct Slot {
    ImageViews image;
    std::exception_ptr error;
    bool done = false;
  };
  /// What a thread reuses from image to image.
  struct Scratch {
    data::StoredSample stored;
    data::Image image;
    data::ResizeScratch resize;
  };

  State(data::ImageSource& from, const ProtocolViews& protocol, std::vector<std::uint32_t> order,
        const Options& wanted)
      : source(from),
        views(protocol),
        samples(std::move(order)),
        options(wanted),
        slots(std::max(2, wanted.ahead)) {
    try {
      for (int i = 0; i < std::max(1, options.threads); ++i)
        threads.emplace_back([this] { work(); });
    } catch (...) {  // no thread to be had: the destructor will not run
      stop();
      throw;
    }
  }
  ~State() { stop(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void stop() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    slot_freed.notify_all();
    for (std::thread& thread : threads) thread.join();
    threads.clear();
  }

  const ImageViews* next() {
    std::unique_lock lock(mutex);
    released = delivered;
    slot_freed.notify_one();
    if (delivered == samples.size()) return nullptr;
    Slot& slot = slots[delivered % slots.size()];
    image_done.wait(lock, [&] { return delivered < begun && slot.done; });
    if (slot.error) std::rethrow_exception(slot.error);
    ++delivered;
    return &slot.image;
  }

  void work() {
    Scratch scratch;
    while (Slot* slot = read_next(scratch)) {
      if (!slot->error) {
        try {
          make_views(scratch, slot->image);
        } catch (...) {
          slot->error = with_context(slot->image.sample);
        }
      }
      {
        const std::lock_guard lock(mutex);
        slot->done = true;
      }
      image_done.notify_one();
    }
  }

  /// Reads the next sample into the scratch; nullptr when there is none, or the loader is stopping.
  Slot* read_next(Scratch& scratch) {
    const std::lock_guard reading(reader);
    Slot* slot = nullptr;
    {
      std::unique_lock lock(mutex);
      slot_freed.wait(lock, [&] {
        return stopping || begun == samples.size() || begun - released < slots.size();
      });
      if (stopping || begun == samples.size()) return nullptr;
      slot = &slots[begun % slots.size()];
      slot->done = false;
      slot->image.sample = samples[begun];
      ++begun;
    }
    try {
      source.read(slot->image.sample, scratch.stored);
      slot->image.label = scratch.stored.label;
    } catch (...) {
      slot->error = with_context(slot->image.sample);
    }
    return slot;
  }

  void make_views(Scratch& scratch, ImageViews& made) const {
    const data::DatasetInfo& info = source.info();
    data::Image& image = scratch.image;
    if (info.encoding == data::Encoding::kEncoded) {
      data::decode_image(scratch.stored.bytes, image);
    } else {
      if (scratch.stored.bytes.size() != std::size_t(info.height) * info.width * info.channels)
        throw std::runtime_error(fmt::format("{} bytes are not {}x{}x{} pixels",
                                             scratch.stored.bytes.size(), info.height, info.width,
                                             info.channels));
      image.height = info.height;
      image.width = info.width;
      image.channels = info.channels;
      std::swap(image.pixels, scratch.stored.bytes);
    }
    const data::Extent size{image.height, image.width};
    const data::TestViews& wanted = views.of(size);
    made.views.resize(wanted.count());
    for (int v = 0; v < wanted.count(); ++v) {
      ImageViews::View& view = made.views[v];
      view.extent = wanted.extent(v, size);
      view.values.resize(std::size_t(image.channels) * view.extent.height * view.extent.width);
      wanted.write(image, v, scratch.resize, view.values);
    }
  }

  /// The exception being handled, with the sample's name.
  std::exception_ptr with_context(std::uint32_t sample) const {
    try {
      throw;
    } catch (const std::exception& error) {
      const std::string name = options.name
                                   ? options.name(sample)
                                   : fmt::format("{}: sample {}", source.info().name, sample);
      return std::make_exception_ptr(std::runtime_error(fmt::format("{}: {}", name, error.what())));
    } catch (...) {
      return std::current_exception();
    }
  }

  data::ImageSource& source;
  const ProtocolViews& views;
  const std::vector<std::uint32_t> samples;
  const Options options;

  std::mutex reader;  ///< held by the thread that reads
  std::mutex mutex;   ///< guards what follows, and which thread has a slot
  std::condition_variable slot_freed, image_done;
  std::vector<Slot> slots;    ///< image i lives in slot i % size
  std::size_t begun = 0;      ///< images that a thread has taken on
  std::size_t delivered = 0;  ///< given to the consumer
  std::size_t released = 0;   ///< that the consumer is done with
  bool stopping = false;
  std::vector<std::thread> threads;
};

ViewLoader::ViewLoader(data::ImageSource& source, const ProtocolViews& views,
                       std::vector<std::uint32_t> samples, const Options& options)
    : state_(std::make_unique<State>(source, views, std::move(samples), options)) {}

ViewLoader::~ViewLoader() = default;

const ImageViews* ViewLoader::next() {
  return state_->next();
}

}  // namespace resnext::worker
