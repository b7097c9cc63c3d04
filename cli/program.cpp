#include "cli/program.h"

#include <cstdio>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "cli/nearest_name.h"

namespace resnext::cli {
namespace po = boost::program_options;

namespace {

std::vector<std::string> long_names(const po::options_description& options) {
  std::vector<std::string> names;
  for (const auto& option : options.options()) names.push_back(option->long_name());
  return names;
}

std::string without_dashes(const std::string& name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

[[noreturn]] void throw_unknown(const std::string& name, const std::string& where,
                                const po::options_description& options) {
  const std::string key = without_dashes(name.substr(0, name.find('=')));
  const std::string nearest = nearest_name(key, long_names(options));
  throw UsageError(fmt::format("{}unknown option '--{}'{}", where, key,
                               nearest.empty() ? std::string("; --help lists the options")
                                               : fmt::format("; did you mean '--{}'?", nearest)));
}

/// Runs `parse` and rewrites Boost's exceptions into messages that name place, option and value.
template <typename Parse>
void with_clear_errors(const std::string& where, const po::options_description& options,
                       const Parse& parse) {
  try {
    parse();
  } catch (const po::unknown_option& error) {
    throw_unknown(error.get_option_name(), where, options);
  } catch (const po::too_many_positional_options_error&) {
    throw UsageError(where + "unexpected argument without an option; --help shows the usage");
  } catch (const po::error& error) {
    throw UsageError(where + error.what());
  }
}

}  // namespace

po::variables_map parse_command_line(const std::vector<std::string>& arguments,
                                     const po::options_description& options,
                                     const po::positional_options_description& positional) {
  po::variables_map values;
  with_clear_errors("", options, [&] {
    const int style = po::command_line_style::unix_style & ~po::command_line_style::allow_guessing;
    po::store(po::command_line_parser(arguments)
                  .options(options)
                  .positional(positional)
                  .style(style)
                  .run(),
              values);
  });
  return values;
}

void parse_config_file(const std::string& path, const po::options_description& options,
                       po::variables_map& values) {
  std::ifstream file(path);
  if (!file) throw UsageError(fmt::format("--config: cannot read '{}'", path));
  with_clear_errors(fmt::format("{}: ", path), options,
                    [&] { po::store(po::parse_config_file(file, options), values); });
}

void parse_config(const std::string& text, const std::string& where,
                  const po::options_description& options, po::variables_map& values) {
  std::istringstream stream(text);
  with_clear_errors(fmt::format("{}: ", where), options,
                    [&] { po::store(po::parse_config_file(stream, options), values); });
}

int run_program(const std::string& program, int argc, char** argv,
                const std::function<int(const std::vector<std::string>&)>& body) {
  try {
    return body(std::vector<std::string>(argv + std::min(argc, 1), argv + argc));
  } catch (const UsageError& error) {
    fmt::print(stderr, "{}: error: {}\n", program, error.what());
    return kUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: error: {}\n", program, error.what());
    return kFailure;
  }
}

}  // namespace resnext::cli
