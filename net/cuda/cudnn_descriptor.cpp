#include "net/cuda/cudnn_descriptor.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace resnext::net::cuda {

void check_cudnn(cudnnStatus_t status, const std::string& operation) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 1024> detail{};
  cudnnGetLastErrorString(detail.data(), detail.size());
  std::string words = detail.data();
  std::ranges::replace(words, '\n', ' ');
  throw std::runtime_error(fmt::format("cuDNN: {}: {}{}{}", operation, cudnnGetErrorString(status),
                                       words.empty() ? "" : ": ", words));
}

Descriptor::Descriptor(cudnnBackendDescriptorType_t type) {
  check_cudnn(cudnnBackendCreateDescriptor(type, &descriptor_), "creating a descriptor");
}

Descriptor::~Descriptor() {
  if (descriptor_ != nullptr) cudnnBackendDestroyDescriptor(descriptor_);
}

Descriptor::Descriptor(Descriptor&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, nullptr)) {}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

void Descriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                     std::int64_t count, const void* values) {
  check_cudnn(cudnnBackendSetAttribute(descriptor_, name, type, count, values),
              fmt::format("setting attribute {}", static_cast<int>(name)));
}

void Descriptor::set(cudnnBackendAttributeName_t name, const Descriptor& value) {
  set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value.descriptor_);
}

void Descriptor::set_integers(cudnnBackendAttributeName_t name,
                              std::span<const std::int64_t> values) {
  set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
}

void Descriptor::set_integer(cudnnBackendAttributeName_t name, std::int64_t value) {
  set(name, CUDNN_TYPE_INT64, 1, &value);
}

void Descriptor::set_flag(cudnnBackendAttributeName_t name, bool value) {
  set(name, CUDNN_TYPE_BOOLEAN, 1, &value);
}

void Descriptor::set_text(cudnnBackendAttributeName_t name, const std::string& text) {
  set(name, CUDNN_TYPE_CHAR, static_cast<std::int64_t>(text.size()), text.data());
}

void Descriptor::set_handle(cudnnBackendAttributeName_t name, cudnnHandle_t handle) {
  set(name, CUDNN_TYPE_HANDLE, 1, &handle);
}

std::int64_t Descriptor::integer(cudnnBackendAttributeName_t name) const {
  std::int64_t value = 0, count = 0;
  check_cudnn(cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_INT64, 1, &count, &value),
              fmt::format("reading attribute {}", static_cast<int>(name)));
  return value;
}

std::string Descriptor::text(cudnnBackendAttributeName_t name) const {
  const std::string what = fmt::format("reading attribute {}", static_cast<int>(name));
  std::int64_t length = 0;
  check_cudnn(cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_CHAR, 0, &length, nullptr),
              what);
  std::string text(static_cast<std::size_t>(length), '\0');
  check_cudnn(
      cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_CHAR, length, &length, text.data()),
      what);
  text.resize(static_cast<std::size_t>(length));
  while (!text.empty() && text.back() == '\0') text.pop_back();
  return text;
}

void Descriptor::finalize(const std::string& what) {
  check_cudnn(cudnnBackendFinalize(descriptor_), what);
}

}  // namespace resnext::net::cuda
