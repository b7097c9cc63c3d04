#include "data/pack/image_index.h"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

namespace resnext::data {

void ClassImages::add(std::string_view name, std::uint64_t bytes) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (bytes > kMost || names_.size() + name.size() > kMost)
    throw std::runtime_error(fmt::format("{}: {} bytes; less than 4 GiB are supported", name,
                                         std::max<std::uint64_t>(bytes, names_.size())));
  names_ += name;
  ends_.push_back(static_cast<std::uint32_t>(names_.size()));
  bytes_.push_back(static_cast<std::uint32_t>(bytes));
}

void ClassImages::shrink() {
  names_.shrink_to_fit();
  ends_.shrink_to_fit();
  bytes_.shrink_to_fit();
}

std::string_view ClassImages::name(std::size_t index) const {
  const std::size_t start = index == 0 ? 0 : ends_[index - 1];
  return std::string_view(names_).substr(start, ends_[index] - start);
}

std::uint64_t ClassImages::memory_bytes() const {
  return sizeof(*this) + names_.capacity() +
         (ends_.capacity() + bytes_.capacity()) * sizeof(std::uint32_t);
}

ImageIndex::ImageIndex(std::vector<ClassImages> classes) : classes_(std::move(classes)) {
  first_.push_back(0);
  for (const auto& images : classes_) first_.push_back(first_.back() + images.size());
}

ImageIndex::Place ImageIndex::place(std::size_t index) const {
  const auto after = std::upper_bound(first_.begin(), first_.end(), index);
  const auto label = static_cast<std::size_t>(after - first_.begin()) - 1;
  return {label, index - first_[label]};
}

std::uint64_t ImageIndex::memory_bytes() const {
  std::uint64_t bytes = first_.capacity() * sizeof(std::uint64_t);
  for (const auto& images : classes_) bytes += images.memory_bytes();
  return bytes;
}

}  // namespace resnext::data
