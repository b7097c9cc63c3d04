#include "net/cuda/batch_staging.h"

#include <cstring>

#include "net/cuda/kernels/kernel_data.h"

namespace resnext::net::cuda {
namespace {

constexpr std::size_t kPartAlignment = 256;

std::size_t aligned(std::size_t bytes) {
  return (bytes + kPartAlignment - 1) / kPartAlignment * kPartAlignment;
}

}  // namespace

/// The old buffers may still be read by work under way.
void BatchStaging::make_room(Slot& slot, std::size_t bytes) {
  if (slot.host.bytes() >= bytes) return;
  if (slot.in_use) {
    slot.copied.synchronize();
    slot.read.synchronize();
    slot.in_use = false;
  }
  slot.host = PinnedMemory(bytes);
  slot.device = DeviceMemory(bytes);
}

DeviceBatch BatchStaging::stage(const Batch& batch, float loss_scale, const Stream& compute) {
  Slot& slot = slots_[next_];
  const bool normalised = !batch.normalised.empty();
  const std::size_t header_bytes = aligned(sizeof(kernels::BatchHeader));
  const std::size_t label_bytes = batch.labels.size_bytes();
  const std::size_t images_at = header_bytes + aligned(label_bytes);
  const std::size_t image_bytes =
      normalised ? batch.normalised.size_bytes() : batch.pixels.size_bytes();
  make_room(slot, images_at + image_bytes);
  if (slot.in_use) {
    slot.copied.synchronize();  // the pinned buffer is free once it has been copied
    copies_.wait(slot.read);
  }
  auto* const host = slot.host.as<std::byte>();
  const kernels::BatchHeader header{loss_scale};
  std::memcpy(host, &header, sizeof header);
  if (label_bytes > 0) std::memcpy(host + header_bytes, batch.labels.data(), label_bytes);
  const void* images = normalised ? static_cast<const void*>(batch.normalised.data())
                                  : static_cast<const void*>(batch.pixels.data());
  std::memcpy(host + images_at, images, image_bytes);
  copies_.copy(slot.device.data(), host, images_at + image_bytes);
  copies_.record(slot.copied);
  compute.wait(slot.copied);
  slot.in_use = true;

  std::byte* const device = slot.device.data();
  DeviceBatch result;
  result.header = reinterpret_cast<const kernels::BatchHeader*>(device);
  if (label_bytes > 0) result.labels = reinterpret_cast<const std::int32_t*>(device + header_bytes);
  if (normalised) {
    result.values = reinterpret_cast<const float*>(device + images_at);
  } else {
    result.pixels = reinterpret_cast<const std::uint8_t*>(device + images_at);
  }
  return result;
}

void BatchStaging::done(const Stream& compute) {
  compute.record(slots_[next_].read);
  next_ = 1 - next_;
}

}  // namespace resnext::net::cuda
