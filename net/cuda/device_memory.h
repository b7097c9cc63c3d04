#pragma once
// A GPU's memory, streams and events behind RAII.

#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string>

#include <cuda_runtime_api.h>

namespace resnext::net::cuda {

/// The GPU has not that much memory left. Whoever knows what it was for says what to do.
class OutOfDeviceMemory : public std::runtime_error {
 public:
  OutOfDeviceMemory(std::size_t bytes, const std::string& reason);
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_;
};

/// Bytes on the GPU; their first content is undefined.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  /// Throws OutOfDeviceMemory.
  explicit DeviceMemory(std::size_t bytes);

  std::byte* data() const { return memory_.get(); }
  std::size_t bytes() const { return bytes_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(memory_.get());
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { cudaFree(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t bytes_ = 0;
};

/// Bytes of the host that the GPU can copy by itself.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  explicit PinnedMemory(std::size_t bytes);

  std::size_t bytes() const { return bytes_; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(memory_.get());
  }

 private:
  struct Free {
    void operator()(std::byte* memory) const { cudaFreeHost(memory); }
  };
  std::unique_ptr<std::byte, Free> memory_;
  std::size_t bytes_ = 0;
};

class Event {
 public:
  /// `name`: what has happened then, for profilers; empty where nothing waits for it.
  explicit Event(const std::string& name = "");
  cudaEvent_t get() const { return event_.get(); }
  /// Blocks the host until what was recorded last has happened.
  void synchronize() const;
  /// Whether it has.
  bool is_over() const;

 private:
  struct Destroy {
    void operator()(cudaEvent_t event) const { cudaEventDestroy(event); }
  };
  std::unique_ptr<CUevent_st, Destroy> event_;
};

class Stream {
 public:
  enum class Priority { kNormal, kHigh };
  /// `name`: what it does, for profilers.
  explicit Stream(const std::string& name, Priority priority = Priority::kNormal);
  cudaStream_t get() const { return stream_.get(); }

  void record(const Event& event) const;
  /// Work issued from now on waits for what `event` recorded last.
  void wait(const Event& event) const;
  void copy(void* to, const void* from, std::size_t bytes) const;
  void clear(void* memory, std::size_t bytes) const;
  /// Blocks the host until all work issued so far has been done. `reason`: what the host needs of
  /// it, for profilers and messages.
  void synchronize(const std::string& reason) const;

 private:
  struct Destroy {
    void operator()(cudaStream_t stream) const { cudaStreamDestroy(stream); }
  };
  std::unique_ptr<CUstream_st, Destroy> stream_;
};

}  // namespace resnext::net::cuda
