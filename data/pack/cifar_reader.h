#pragma once
// The binary batches of CIFAR-10 and CIFAR-100.

#include <memory>
#include <string>
#include <vector>

#include "data/pack/shard_writer.h"

namespace resnext::data {

enum class CifarKind { k10, k100 };

/// True if the folder holds the batches of that data set.
bool is_cifar_folder(const std::string& folder, CifarKind kind);

/// Reads one split ("train" or "test"). Labels are the fine ones; classes are named `class_names`
/// or, if that is empty, as the folder's batches.meta.txt or fine_label_names.txt says. Throws
/// std::runtime_error naming the file at fault.
std::unique_ptr<PackSource> read_cifar(const std::string& folder, CifarKind kind,
                                       const std::string& split,
                                       const std::vector<std::string>& class_names);

}  // namespace resnext::data
