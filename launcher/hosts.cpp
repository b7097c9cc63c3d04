#include "launcher/hosts.h"

#include <charconv>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "cli/program.h"

namespace resnext::launcher {
namespace {

int parse_slots(const std::string& text, const std::string& where) {
  int slots = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), slots);
  if (error != std::errc() || end != text.data() + text.size() || slots < 1) {
    throw cli::UsageError(fmt::format("{}: '{}' is not a positive number of slots", where, text));
  }
  return slots;
}

}  // namespace

std::vector<Host> parse_hosts(const std::string& list, int default_cores) {
  std::vector<Host> hosts;
  std::istringstream stream(list);
  for (std::string item; std::getline(stream, item, ',');) {
    const std::size_t colon = item.find(':');
    const std::string name = item.substr(0, colon);
    if (name.empty()) {
      throw cli::UsageError(fmt::format("--hosts: no host name in '{}' of '{}'", item, list));
    }
    hosts.push_back({name, colon == std::string::npos
                               ? default_cores
                               : parse_slots(item.substr(colon + 1), "--hosts: " + name)});
  }
  if (hosts.empty()) throw cli::UsageError("--hosts: names no host; give HOST[:SLOTS],...");
  return hosts;
}

std::vector<Host> read_hostfile(const std::string& path, int default_cores) {
  std::ifstream file(path);
  if (!file) throw cli::UsageError(fmt::format("--hostfile: cannot read '{}'", path));
  std::vector<Host> hosts;
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    const std::string where = fmt::format("{}, line {}", path, ++number);
    std::istringstream words(line.substr(0, line.find('#')));
    Host host{"", default_cores};
    if (!(words >> host.name)) continue;
    for (std::string word; words >> word;) {
      if (word.starts_with("slots=")) {
        host.cores = parse_slots(word.substr(6), where);
      } else if (!word.starts_with("max_slots=") && !word.starts_with("max-slots=")) {
        throw cli::UsageError(fmt::format("{}: '{}' is not 'slots=N'", where, word));
      }
    }
    hosts.push_back(host);
  }
  if (hosts.empty()) throw cli::UsageError(fmt::format("--hostfile: '{}' names no host", path));
  return hosts;
}

}  // namespace resnext::launcher
