#pragma once
// safetensors, the files in which PyTorch's users exchange weights: eight bytes with the length of
// a JSON header (little-endian), the header, then the tensors' values. Format:
// https://github.com/huggingface/safetensors (README, "Format").

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace resnext::worker {

using TensorShape = std::vector<std::uint64_t>;

/// One tensor as the header describes it.
struct SafetensorsEntry {
  std::string name;
  std::string dtype;                 ///< "F32", "BF16", "I64", …
  TensorShape shape;                 ///< empty: a scalar
  std::uint64_t begin = 0, end = 0;  ///< of its values, in bytes from the start of the file
};

/// A file open for reading. Nothing but the header is kept in memory.
class SafetensorsFile {
 public:
  /// Reads and checks the header: the lengths against the file's, every shape against its bytes,
  /// and that the tensors fill the file without holes or overlaps. Throws std::runtime_error that
  /// names the file, the tensor where there is one, and what is wrong.
  explicit SafetensorsFile(std::string path);

  const std::string& path() const { return path_; }
  /// In the order of their values.
  const std::vector<SafetensorsEntry>& entries() const { return entries_; }
  /// The header's `__metadata__`.
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

  /// The values of F64, F32, F16 and BF16 in fp32. Throws std::runtime_error naming file and tensor
  /// when it has another type, or cannot be read.
  std::vector<float> read(const SafetensorsEntry& entry);

 private:
  std::string path_;
  std::ifstream file_;
  std::vector<SafetensorsEntry> entries_;
  std::map<std::string, std::string> metadata_;
};

/// A tensor to be written; the values are the caller's.
struct SafetensorsTensor {
  std::string name;
  TensorShape shape;
  std::span<const float> values;
};

/// Writes `tensors` in their order as F32, through a temporary name (see replace_file): `path` is
/// whole or as it was. Throws std::runtime_error naming the file and the reason.
void write_safetensors(const std::string& path, std::span<const SafetensorsTensor> tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace resnext::worker
