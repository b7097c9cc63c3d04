#include "ablations/toml_table.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "cli/nearest_name.h"
#include "cli/program.h"

namespace resnext::ablations {
namespace {

std::string place(const toml::source_region& source) {
  return fmt::format("{}:{}:{}", source.path ? *source.path : std::string("table"),
                     source.begin.line, source.begin.column);
}

/// As a command line has it; empty where the node is no scalar.
std::optional<std::string> as_option(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* integer = node.as_integer()) return std::to_string(integer->get());
  if (const auto* real = node.as_floating_point()) return fmt::format("{}", real->get());
  if (const auto* boolean = node.as_boolean()) return boolean->get() ? "on" : "off";
  return std::nullopt;
}

}  // namespace

TomlTable TomlTable::read(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    throw cli::UsageError(fmt::format("{}: no such table file", path));
  }
  try {
    const auto file = std::make_shared<const toml::table>(toml::parse_file(path));
    return {file, file.get()};
  } catch (const toml::parse_error& error) {
    throw cli::UsageError(fmt::format("{}: {}", place(error.source()), error.description()));
  }
}

void TomlTable::require_known_keys(const std::vector<std::string>& known) const {
  for (const std::string& key : keys()) {
    if (std::ranges::find(known, key) != known.end()) continue;
    fail(key, fmt::format("unknown key '{}'{}", key, cli::did_you_mean(key, known)));
  }
}

std::vector<std::string> TomlTable::keys() const {
  std::vector<std::pair<toml::source_position, std::string>> found;
  for (const auto& [key, node] : *table_) {
    found.emplace_back(key.source().begin, std::string(key.str()));
  }
  std::ranges::sort(found);
  std::vector<std::string> names;
  for (auto& [position, name] : found) names.push_back(std::move(name));
  return names;
}

void TomlTable::fail(const std::string& key, const std::string& message) const {
  const auto found = table_->find(key);
  const toml::source_region& source =
      found == table_->end() ? table_->source() : found->first.source();
  throw cli::UsageError(fmt::format("{}: {}", place(source), message));
}

const toml::node& TomlTable::require(const std::string& key) const {
  const toml::node* node = table_->get(key);
  if (node == nullptr) fail(key, fmt::format("there is no '{}' here, and it is needed", key));
  return *node;
}

std::string TomlTable::text(const std::string& key) const {
  const auto* text = require(key).as_string();
  if (text == nullptr) fail(key, fmt::format("'{}' must be a text in quotes", key));
  return text->get();
}

std::string TomlTable::text_or(const std::string& key, const std::string& otherwise) const {
  return has(key) ? text(key) : otherwise;
}

int TomlTable::positive_or(const std::string& key, int otherwise) const {
  if (!has(key)) return otherwise;
  const auto* integer = require(key).as_integer();
  if (integer == nullptr || integer->get() < 1 || integer->get() > 100'000'000) {
    fail(key, fmt::format("'{}' must be a whole number from 1 to 100000000", key));
  }
  return static_cast<int>(integer->get());
}

bool TomlTable::boolean_or(const std::string& key, bool otherwise) const {
  if (!has(key)) return otherwise;
  const auto* boolean = require(key).as_boolean();
  if (boolean == nullptr) fail(key, fmt::format("'{}' must be true or false", key));
  return boolean->get();
}

std::vector<std::string> TomlTable::texts(const std::string& key) const {
  std::vector<std::string> items;
  const auto* array = require(key).as_array();
  if (array == nullptr) fail(key, fmt::format("'{}' must be an array of texts", key));
  for (const toml::node& node : *array) {
    if (!node.is_string()) fail(key, fmt::format("'{}' must hold only texts", key));
    items.push_back(node.as_string()->get());
  }
  return items;
}

TomlTable TomlTable::table(const std::string& key) const {
  const auto* table = require(key).as_table();
  if (table == nullptr) fail(key, fmt::format("'{}' must be a table", key));
  return {file_, table};
}

std::vector<TomlTable> TomlTable::tables(const std::string& key) const {
  std::vector<TomlTable> found;
  if (!has(key)) return found;
  const auto* array = require(key).as_array();
  if (array == nullptr || !array->is_array_of_tables()) {
    fail(key, fmt::format("'{}' must be tables, each under [[{}]]", key, key));
  }
  for (const toml::node& node : *array) found.push_back({file_, node.as_table()});
  return found;
}

void TomlTable::each(const std::string& key,
                     const std::function<void(const TomlTable&, const std::string&,
                                              const toml::node&)>& visit) const {
  if (!has(key)) return;
  const TomlTable inner = table(key);
  for (const std::string& name : inner.keys()) visit(inner, name, *inner.table_->get(name));
}

std::map<std::string, std::string> TomlTable::options(const std::string& key) const {
  std::map<std::string, std::string> values;
  each(key, [&](const TomlTable& inner, const std::string& name, const toml::node& node) {
    const auto value = as_option(node);
    if (!value) inner.fail(name, fmt::format("'{}' must be a text, a number or a boolean", name));
    values[name] = *value;
  });
  return values;
}

std::map<std::string, double> TomlTable::numbers(const std::string& key) const {
  std::map<std::string, double> values;
  each(key, [&](const TomlTable& inner, const std::string& name, const toml::node& node) {
    if (!node.is_number()) inner.fail(name, fmt::format("'{}' must be a number", name));
    values[name] =
        node.is_integer() ? double(node.as_integer()->get()) : node.as_floating_point()->get();
  });
  return values;
}

std::map<std::string, std::string> TomlTable::texts_by_key(const std::string& key) const {
  std::map<std::string, std::string> values;
  each(key, [&](const TomlTable& inner, const std::string& name, const toml::node&) {
    values[name] = inner.text(name);
  });
  return values;
}

}  // namespace resnext::ablations
