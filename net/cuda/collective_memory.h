#pragma once
// GPU memory that NCCL can send from and receive into without a copy of its own.

#include <cstddef>

namespace resnext::net::cuda {

/// fp32 values. From ncclMemAlloc where that works, else ordinary GPU memory.
class CollectiveMemory {
 public:
  CollectiveMemory() = default;
  /// Throws OutOfDeviceMemory.
  explicit CollectiveMemory(std::size_t values);
  ~CollectiveMemory();
  CollectiveMemory(CollectiveMemory&& other) noexcept;
  CollectiveMemory& operator=(CollectiveMemory&& other) noexcept;

  float* data() const { return data_; }
  std::size_t values() const { return values_; }
  std::size_t bytes() const { return values_ * sizeof(float); }

 private:
  float* data_ = nullptr;
  std::size_t values_ = 0;
  bool from_nccl_ = false;
};

}  // namespace resnext::net::cuda
