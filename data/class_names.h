#pragma once
// Lists of class names as text files.

#include <string>
#include <vector>

namespace resnext::data {

/// One name a line, in the order of the labels; blank lines are ignored. Throws std::runtime_error
/// if the file cannot be read, is empty or holds a name twice.
std::vector<std::string> read_class_names_file(const std::string& path);

}  // namespace resnext::data
