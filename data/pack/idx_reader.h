#pragma once
// IDX files, plain or gzipped: how MNIST, Fashion-MNIST and their kin come.

#include <memory>
#include <string>
#include <vector>

#include "data/pack/shard_writer.h"

namespace resnext::data {

struct IdxFiles {
  std::string images, labels;
};

/// The pair for `split` ("train" or "test") in a folder, by its customary name
/// (train-images-idx3-ubyte[.gz], t10k-...); empty strings where it is not there.
IdxFiles find_idx_files(const std::string& folder, const std::string& split);

/// Reads images (N x H x W, or N x H x W x C with C of 1 or 3) and labels. Classes are named
/// `class_names` or, if that is empty, "0" to the largest label. Throws std::runtime_error naming
/// the file at fault.
std::unique_ptr<PackSource> read_idx(const IdxFiles& files,
                                     const std::vector<std::string>& class_names);

}  // namespace resnext::data
