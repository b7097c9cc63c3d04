#pragma once
// Brings batches to the GPU while it computes: two pinned buffers, and a stream for the copies.

#include <array>

#include "net/cuda/compiled_program.h"
#include "net/cuda/device_memory.h"
#include "net/engine.h"

namespace resnext::net::cuda {

class BatchStaging {
 public:
  /// Copies `batch` to pinned memory (so the caller may reuse its own) and from there to the GPU;
  /// `compute` waits for that. What is returned stays until done() and the next stage() but one.
  DeviceBatch stage(const Batch& batch, float loss_scale, const Stream& compute);

  /// `compute` has read, in its order, what stage() returned.
  void done(const Stream& compute);

 private:
  struct Slot {
    PinnedMemory host;
    DeviceMemory device;
    Event copied, read;
    bool in_use = false;
  };
  static void make_room(Slot& slot, std::size_t bytes);

  Stream copies_;
  std::array<Slot, 2> slots_;
  std::size_t next_ = 0;
};

}  // namespace resnext::net::cuda
