#pragma once
// Names and sizes of the images of class folders, held in little memory: 8 bytes an image and its
// name, with no allocation of its own for any.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace resnext::data {

/// The images of one class.
class ClassImages {
 public:
  /// Throws std::runtime_error for a file, or names in all, of 4 GiB and more.
  void add(std::string_view name, std::uint64_t bytes);
  /// Gives back memory held for more images.
  void shrink();

  std::size_t size() const { return bytes_.size(); }
  std::string_view name(std::size_t index) const;
  std::uint32_t bytes(std::size_t index) const { return bytes_[index]; }
  std::uint64_t memory_bytes() const;

 private:
  std::string names_;                ///< one after the other
  std::vector<std::uint32_t> ends_;  ///< of each name
  std::vector<std::uint32_t> bytes_;
};

/// Images numbered on from class to class.
class ImageIndex {
 public:
  struct Place {
    std::size_t label = 0, within = 0;  ///< class, and number of the image within it
  };

  explicit ImageIndex(std::vector<ClassImages> classes);

  std::size_t size() const { return first_.back(); }
  const std::vector<ClassImages>& classes() const { return classes_; }
  Place place(std::size_t index) const;
  std::uint64_t memory_bytes() const;

 private:
  std::vector<ClassImages> classes_;
  std::vector<std::uint64_t> first_;  ///< number of each class's first image; the size
};

}  // namespace resnext::data
