#pragma once
// cuDNN's backend descriptors behind RAII, with errors as exceptions.

#include <cstdint>
#include <span>
#include <string>

#include <cudnn.h>

namespace resnext::net::cuda {

/// Throws std::runtime_error with cuDNN's own words when `status` is no success.
void check_cudnn(cudnnStatus_t status, const std::string& operation);

class Descriptor {
 public:
  explicit Descriptor(cudnnBackendDescriptorType_t type);
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept;
  Descriptor& operator=(Descriptor&& other) noexcept;

  cudnnBackendDescriptor_t get() const { return descriptor_; }

  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
           const void* values);
  void set(cudnnBackendAttributeName_t name, const Descriptor& value);
  void set_integers(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values);
  void set_integer(cudnnBackendAttributeName_t name, std::int64_t value);
  void set_flag(cudnnBackendAttributeName_t name, bool value);
  void set_text(cudnnBackendAttributeName_t name, const std::string& text);
  void set_handle(cudnnBackendAttributeName_t name, cudnnHandle_t handle);

  /// The attribute's values; `most` of them are asked for.
  std::int64_t integer(cudnnBackendAttributeName_t name) const;
  std::string text(cudnnBackendAttributeName_t name) const;

  void finalize(const std::string& what);

 private:
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

}  // namespace resnext::net::cuda
