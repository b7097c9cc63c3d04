#pragma once
// Reads TOML tables with errors that say file, line and column: every key must be known, of its
// type, and in its range.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <toml++/toml.h>

namespace resnext::ablations {

/// A table of a TOML file. Copies share the parsed file. Every failure is a cli::UsageError that
/// begins with "FILE:LINE:COLUMN: ".
class TomlTable {
 public:
  /// Parses the whole file.
  static TomlTable read(const std::string& path);

  /// Refuses keys that are not among `known`, with the nearest that is.
  void require_known_keys(const std::vector<std::string>& known) const;

  bool has(const std::string& key) const { return table_->contains(key); }
  bool is_text(const std::string& key) const { return (*table_)[key].is_string(); }
  /// In the order of the file's text.
  std::vector<std::string> keys() const;

  std::string text(const std::string& key) const;
  std::string text_or(const std::string& key, const std::string& otherwise) const;
  int positive_or(const std::string& key, int otherwise) const;
  bool boolean_or(const std::string& key, bool otherwise) const;
  std::vector<std::string> texts(const std::string& key) const;

  TomlTable table(const std::string& key) const;
  /// An array of tables ([[key]]); empty where there is none.
  std::vector<TomlTable> tables(const std::string& key) const;

  /// A table of scalars as options of a command line: 10 as "10", true as "on", "a" as "a". Empty
  /// where there is none.
  std::map<std::string, std::string> options(const std::string& key) const;
  std::map<std::string, double> numbers(const std::string& key) const;
  std::map<std::string, std::string> texts_by_key(const std::string& key) const;

  /// Throws a UsageError at the key's place, or at the table's where it has no such key.
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;

 private:
  TomlTable(std::shared_ptr<const toml::table> file, const toml::table* table)
      : file_(std::move(file)), table_(table) {}
  const toml::node& require(const std::string& key) const;
  void each(const std::string& key,
            const std::function<void(const TomlTable&, const std::string&, const toml::node&)>&
                visit) const;

  std::shared_ptr<const toml::table> file_;
  const toml::table* table_;
};

}  // namespace resnext::ablations
