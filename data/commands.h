#pragma once
// The commands of resnext-data. Each takes the arguments after its name and returns the exit code.

#include <string>
#include <vector>

namespace resnext::data {

int pack_command(const std::vector<std::string>& arguments);
int subset5k_command(const std::vector<std::string>& arguments);
int inspect_command(const std::vector<std::string>& arguments);
int verify_command(const std::vector<std::string>& arguments);

}  // namespace resnext::data
