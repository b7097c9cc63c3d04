#pragma once
// Brings batches to the GPU: into pinned memory, and from there by a copy that runs by itself.

#include <array>
#include <string>

#include "net/cuda/compiled_program.h"
#include "net/cuda/device_memory.h"
#include "net/engine.h"

namespace resnext::net::cuda {

/// Room for one batch, on the host and on the GPU.
class BatchBuffer {
 public:
  /// Copies `batch` to pinned memory (so the caller may reuse its own), and has `stream` copy it to
  /// the GPU. What was copied before must have been, as far as the host knows; what still reads it
  /// on the GPU must come first in `stream`.
  DeviceBatch bring(const Batch& batch, float loss_scale, const Stream& stream);

 private:
  PinnedMemory host_;
  DeviceMemory device_;
};

/// Two buffers, and a stream for the copies, so that a batch comes while the last one is computed.
class BatchStaging {
 public:
  /// Begins to bring a batch. What is returned stays until the next stage() but one, which waits
  /// for done().
  DeviceBatch stage(const Batch& batch, float loss_scale);

  /// `compute` waits for the batch to be there.
  void await(const DeviceBatch& batch, const Stream& compute) const;
  /// `compute` has read the batch, in its order.
  void done(const DeviceBatch& batch, const Stream& compute) const;

 private:
  struct Slot {
    explicit Slot(const std::string& name) : copied(name + " copied"), read(name + " read") {}
    BatchBuffer buffer;
    Event copied, read;
    bool in_use = false;
  };

  Stream copies_{"copies"};
  std::array<Slot, 2> slots_{Slot("batch 0"), Slot("batch 1")};
  std::size_t next_ = 0;
};

}  // namespace resnext::net::cuda
