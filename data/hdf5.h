#pragma once
// HDF5 behind RAII. The library is not thread-safe, so every call here holds one process-wide lock;
// nothing outside this file's implementation calls HDF5. HDF5's own error printing is off: failures
// are std::runtime_error with file, object and the library's reason.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace resnext::data::hdf5 {

using Dimensions = std::vector<std::uint64_t>;
using Attribute = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>>;

/// How strings are stored. Variable-length ones are h5py's str, but lie in a part of the file that
/// has no checksum, and HDF5 1.10 can hang when it reads a damaged one. Fixed-length ones (h5py:
/// bytes) cannot hurt.
enum class StringStorage { kVariable, kFixed };

/// Owns one HDF5 identifier.
class Handle {
 public:
  using Close = int (*)(std::int64_t);
  Handle() = default;
  Handle(std::int64_t id, Close closer) : id_(id), close_(closer) {}
  Handle(Handle&& other) noexcept { swap(other); }
  Handle& operator=(Handle&& other) noexcept {
    swap(other);
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle();

  std::int64_t id() const { return id_; }
  /// Closes now; negative where the library failed, which a destructor would have to swallow.
  int close();

 private:
  void swap(Handle& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(close_, other.close_);
  }
  std::int64_t id_ = -1;
  Close close_ = nullptr;
};

/// An open dataset, for many reads or appends without looking it up again. Rows are along the first
/// dimension. T is std::uint8_t, int32_t, uint32_t, int64_t, uint64_t, float or double.
class Dataset {
 public:
  const Dimensions& dimensions() const { return dimensions_; }

  /// Reads `rows` rows from row `first` on into `out` (rows * row size values).
  template <typename T>
  void read_rows(std::uint64_t first, std::uint64_t rows, std::span<T> out) const;

  /// Overwrites rows from `first` on.
  template <typename T>
  void write_rows(std::uint64_t first, std::uint64_t rows, std::span<const T> values);

  /// Grows an extendible dataset by `rows` rows.
  template <typename T>
  void append_rows(std::uint64_t rows, std::span<const T> values);

 private:
  friend class File;
  Handle handle_;
  Dimensions dimensions_;
  std::string where_;  ///< "FILE:/object", for messages
};

/// An HDF5 file on disk or in memory. Object paths are absolute, like "/train/loss"; missing groups
/// on the way are created.
class File {
 public:
  /// Opens for reading, with file locking off (shared file systems often have none).
  static File open(const std::string& path);
  /// Creates or truncates. flush() + destruction leave a complete file.
  static File create(const std::string& path);
  /// Opens an existing file for reading and writing.
  static File modify(const std::string& path);
  /// A file that lives in memory only; image() gives its bytes. `name` is for messages.
  static File create_in_memory(const std::string& name);
  /// Opens the bytes of a file for reading. The bytes are copied.
  static File open_image(std::span<const std::byte> bytes, const std::string& name);

  bool exists(const std::string& object) const;
  /// Names of the objects directly in a group, sorted.
  std::vector<std::string> list(const std::string& group) const;
  void create_group(const std::string& group);

  /// Makes `object` stand for the root of another file. A relative path is from this file's folder.
  void link_file(const std::string& object, const std::string& file);

  /// Whole datasets.
  template <typename T>
  void write(const std::string& object, std::span<const T> values, const Dimensions& dimensions);
  template <typename T>
  std::vector<T> read(const std::string& object) const;

  /// Strings as fixed-length UTF-8, padded with zeros (h5py: bytes).
  void write_strings(const std::string& object, std::span<const std::string> values);

  /// Opens a dataset; `create_dataset` makes a contiguous one of fixed size without writing it, and
  /// `create_extendible` one with no rows yet, rows of shape `row`, stored in chunks of
  /// `chunk_rows`.
  Dataset dataset(const std::string& object) const;
  template <typename T>
  Dataset create_dataset(const std::string& object, const Dimensions& dimensions);
  template <typename T>
  Dataset create_extendible(const std::string& object, const Dimensions& row,
                            std::uint64_t chunk_rows);

  /// Attributes of an object ("/" is the file). Integers are 64-bit; bool is h5py's boolean (an
  /// enum of FALSE, TRUE); strings are UTF-8.
  void set_attribute(const std::string& object, const std::string& name, const Attribute& value,
                     StringStorage storage = StringStorage::kVariable);
  bool has_attribute(const std::string& object, const std::string& name) const;
  Attribute attribute(const std::string& object, const std::string& name) const;
  std::int64_t integer_attribute(const std::string& object, const std::string& name) const;
  std::string string_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::string> strings_attribute(const std::string& object,
                                             const std::string& name) const;

  void flush();
  /// Flushes and closes, reporting failures that a destructor would have to swallow. The file stays
  /// open while a Dataset of it lives.
  void close();
  /// The bytes of an in-memory file.
  std::vector<std::byte> image();

  const std::string& name() const { return name_; }

 private:
  Handle handle_;
  std::string name_;
};

}  // namespace resnext::data::hdf5
