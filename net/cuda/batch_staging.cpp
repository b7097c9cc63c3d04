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

DeviceBatch BatchBuffer::bring(const Batch& batch, float loss_scale, const Stream& stream) {
  const bool normalised = !batch.normalised.empty();
  const std::size_t header_bytes = aligned(sizeof(kernels::BatchHeader));
  const std::size_t label_bytes = batch.labels.size_bytes();
  const std::size_t images_at = header_bytes + aligned(label_bytes);
  const std::size_t image_bytes =
      normalised ? batch.normalised.size_bytes() : batch.pixels.size_bytes();
  const std::size_t bytes = images_at + image_bytes;
  if (host_.bytes() < bytes) {
    host_ = PinnedMemory(bytes);
    device_ = DeviceMemory(bytes);  // CUDA frees the old one when nothing on the GPU uses it
  }
  auto* const host = host_.as<std::byte>();
  const kernels::BatchHeader header{loss_scale};
  std::memcpy(host, &header, sizeof header);
  if (label_bytes > 0) std::memcpy(host + header_bytes, batch.labels.data(), label_bytes);
  const void* images = normalised ? static_cast<const void*>(batch.normalised.data())
                                  : static_cast<const void*>(batch.pixels.data());
  std::memcpy(host + images_at, images, image_bytes);
  stream.copy(device_.data(), host, bytes);

  std::byte* const device = device_.data();
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

DeviceBatch BatchStaging::stage(const Batch& batch, float loss_scale) {
  const std::size_t number = next_;
  Slot& slot = slots_[number];
  next_ = 1 - next_;
  if (slot.in_use) {
    slot.copied.synchronize();  // the pinned memory is free once it has been copied
    copies_.wait(slot.read);
  }
  DeviceBatch result = slot.buffer.bring(batch, loss_scale, copies_);
  result.slot = number;
  copies_.record(slot.copied);
  slot.in_use = true;
  return result;
}

void BatchStaging::await(const DeviceBatch& batch, const Stream& compute) const {
  compute.wait(slots_[batch.slot].copied);
}

void BatchStaging::done(const DeviceBatch& batch, const Stream& compute) const {
  compute.record(slots_[batch.slot].read);
}

}  // namespace resnext::net::cuda
