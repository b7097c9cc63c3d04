#pragma once
// Where images come from: shards on disk, or the built-in synthetic set. The training side sees
// only this interface.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace resnext::data {

/// How the bytes of a sample are to be read.
enum class Encoding {
  kRaw,      ///< pixels H, W, C as stored
  kEncoded,  ///< a JPEG or PNG file's bytes
};

/// One sample as stored, before decoding. Reused between reads to avoid allocation.
struct StoredSample {
  std::vector<std::uint8_t> bytes;
  std::int32_t label = 0;
};

/// What a data set is, known after opening and before the first read.
struct DatasetInfo {
  std::string name;                      ///< for messages: path, or "synthetic"
  std::string identity;                  ///< hash over the contents' checksums: names the data set
  std::size_t size = 0;                  ///< number of samples
  std::vector<std::string> class_names;  ///< class i is named class_names[i]
  Encoding encoding = Encoding::kRaw;
  int height = 0, width = 0;  ///< raw only; 0 where sizes differ from image to image
  int channels = 3;           ///< 1 or 3; encoded images always become 3

  int classes() const { return static_cast<int>(class_names.size()); }
};

/// A random-access set of labelled images. One thread at a time may call read(), unless
/// reads_in_parallel().
class ImageSource {
 public:
  ImageSource() = default;
  ImageSource(const ImageSource&) = delete;
  ImageSource& operator=(const ImageSource&) = delete;
  virtual ~ImageSource() = default;

  virtual const DatasetInfo& info() const = 0;

  /// Whether several threads may call read() at a time, and gain by it: it computes and waits for
  /// no disk.
  virtual bool reads_in_parallel() const { return false; }

  /// Reads sample `index` (below info().size) and checks its checksum and label. Throws
  /// std::runtime_error naming file and sample.
  virtual void read(std::size_t index, StoredSample& sample) = 0;
};

}  // namespace resnext::data
