// resnext-data: makes and checks HDF5 shards.

#include <functional>
#include <iostream>
#include <map>

#include "cli/nearest_name.h"
#include "cli/program.h"
#include "data/commands.h"

namespace resnext::data {
namespace {

constexpr const char* kUsage = R"(Usage: resnext-data COMMAND ...

  pack SOURCE --out DIR   pack images into HDF5 shards
  subset5k                choose the classes of ImageNet-5K
  inspect PATH            say what is in shards
  verify PATH             check and decode every sample

`resnext-data COMMAND --help` shows the options of a command.
)";

int run(const std::vector<std::string>& arguments) {
  const std::map<std::string, std::function<int(const std::vector<std::string>&)>> commands = {
      {"pack", pack_command},
      {"subset5k", subset5k_command},
      {"inspect", inspect_command},
      {"verify", verify_command}};
  if (arguments.empty())
    throw cli::UsageError("no command given: pack, subset5k, inspect or verify");
  if (arguments[0] == "--help" || arguments[0] == "-h") {
    std::cout << kUsage;
    return cli::kSuccess;
  }
  const auto command = commands.find(arguments[0]);
  if (command == commands.end()) {
    std::vector<std::string> names;
    for (const auto& [name, function] : commands) names.push_back(name);
    throw cli::UsageError("unknown command '" + arguments[0] + "'" +
                          cli::did_you_mean(arguments[0], names));
  }
  return command->second({arguments.begin() + 1, arguments.end()});
}

}  // namespace
}  // namespace resnext::data

int main(int argc, char** argv) {
  return resnext::cli::run_program("resnext-data", argc, argv, resnext::data::run);
}
