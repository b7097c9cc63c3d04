#include "cli/program.h"

#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

namespace resnext::cli {
namespace {
namespace po = boost::program_options;

po::options_description sample_options() {
  po::options_description options;
  options.add_options()("steps", po::value<int>()->default_value(7))("model",
                                                                     po::value<std::string>());
  return options;
}

std::string usage_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(CommandLine, NamesAnUnknownOptionAndTheNearest) {
  EXPECT_EQ(usage_error([] {
              parse_command_line({"--stesp", "3"}, sample_options());
            }),
            "unknown option '--stesp'; did you mean '--steps'?");
}

TEST(CommandLine, NamesAMalformedValue) {
  const std::string message = usage_error([] {
    parse_command_line({"--steps", "many"}, sample_options());
  });
  EXPECT_NE(message.find("--steps"), std::string::npos) << message;
  EXPECT_NE(message.find("many"), std::string::npos) << message;
}

TEST(CommandLine, RefusesAbbreviationsAndStrayArguments) {
  EXPECT_NE(usage_error([] { parse_command_line({"--step", "3"}, sample_options()); }), "no error");
  EXPECT_NE(usage_error([] { parse_command_line({"stray"}, sample_options()); }), "no error");
}

TEST(ConfigFile, YieldsToTheCommandLineAndNamesBadKeys) {
  const std::string path = testing::TempDir() + "/program_test.ini";
  std::ofstream(path) << "# a comment\nsteps = 3\nmodel = resnet50\n";
  auto values = parse_command_line({"--steps", "5"}, sample_options());
  parse_config_file(path, sample_options(), values);
  EXPECT_EQ(values["steps"].as<int>(), 5);
  EXPECT_EQ(values["model"].as<std::string>(), "resnet50");

  std::ofstream(path) << "modle = x\n";
  EXPECT_EQ(usage_error([&] { parse_config_file(path, sample_options(), values); }),
            path + ": unknown option '--modle'; did you mean '--model'?");
  std::remove(path.c_str());
}

TEST(RunProgram, TellsUsageFromFailure) {
  const auto code = [](const std::function<int(const std::vector<std::string>&)>& body) {
    return run_program("test", 0, nullptr, body);
  };
  EXPECT_EQ(code([](const auto&) -> int { throw UsageError("wrong"); }), kUsage);
  EXPECT_EQ(code([](const auto&) -> int { throw std::runtime_error("broken"); }), kFailure);
  EXPECT_EQ(code([](const auto&) { return kSuccess; }), kSuccess);
}

}  // namespace
}  // namespace resnext::cli
