#pragma once
// Named tensors in a file, whichever its format: a checkpoint of ours or safetensors, told apart by
// what they begin with.

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "worker/weights/safetensors.h"

namespace resnext::worker {

struct StoredTensor {
  std::string name;   ///< e.g. "layer1.0.conv2.weight"; a prefix "module." of all is left out
  std::string dtype;  ///< as safetensors calls it, e.g. "F32"
  TensorShape shape;
};

class TensorFile {
 public:
  /// Gives the values of the tensor of this index in fp32.
  using Reader = std::function<std::vector<float>(std::size_t)>;

  TensorFile(std::string path, std::string kind, std::string model,
             std::vector<StoredTensor> tensors, Reader reader);

  const std::string& path() const { return path_; }
  /// For people, e.g. "checkpoint after 5005 steps, averaged weights".
  const std::string& kind() const { return kind_; }
  /// The model's name as the file says it, or empty.
  const std::string& model() const { return model_; }
  /// In the file's order, without batch-norm's counters (num_batches_tracked): nothing here uses
  /// them.
  const std::vector<StoredTensor>& tensors() const { return tensors_; }
  /// The tensor's index, or tensors().size() where there is none of this name.
  std::size_t find(const std::string& name) const;

  /// Values in fp32. Throws std::runtime_error naming file and tensor.
  std::vector<float> read(std::size_t index) const { return reader_(index); }

 private:
  std::string path_, kind_, model_;
  std::vector<StoredTensor> tensors_;
  std::map<std::string, std::size_t> index_;
  Reader reader_;
};

/// Opens `path`. Of a checkpoint (checked as check_checkpoint does) it gives the weights and
/// running statistics: their moving averages where there are such. Throws std::runtime_error naming
/// the file when it is damaged or of neither format.
TensorFile open_tensor_file(const std::string& path);

}  // namespace resnext::worker
