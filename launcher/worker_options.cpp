#include "launcher/worker_options.h"

#include <charconv>
#include <fstream>

namespace resnext::launcher {
namespace {

std::optional<std::string> on_command_line(const std::vector<std::string>& options,
                                           const std::string& name) {
  const std::string option = "--" + name;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (options[i] == option && i + 1 < options.size()) return options[i + 1];
    if (options[i].starts_with(option + "=")) return options[i].substr(option.size() + 1);
  }
  return std::nullopt;
}

std::string trimmed(const std::string& text) {
  constexpr const char* kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::optional<std::string> in_config(const std::string& path, const std::string& name) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::string content = line.substr(0, line.find('#'));
    const std::size_t equals = content.find('=');
    if (equals != std::string::npos && trimmed(content.substr(0, equals)) == name) {
      return trimmed(content.substr(equals + 1));
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> worker_option(const std::vector<std::string>& options,
                                         const std::string& name) {
  if (auto value = on_command_line(options, name)) return value;
  const auto config = on_command_line(options, "config");
  return config ? in_config(*config, name) : std::nullopt;
}

std::optional<int> worker_count(const std::vector<std::string>& options, const std::string& name) {
  const auto value = worker_option(options, name);
  if (!value) return std::nullopt;
  int count = 0;
  const char* end = value->data() + value->size();
  const auto [stop, error] = std::from_chars(value->data(), end, count);
  if (error != std::errc() || stop != end || count < 1) return std::nullopt;
  return count;
}

}  // namespace resnext::launcher
