#include "run_info.h"

#include <array>
#include <cstdio>
#include <stdexcept>

#include <gtest/gtest.h>
#include <sys/wait.h>

namespace resnext::net {

InfoResult info(const std::string& arguments) {
  return info_at(RESNEXT_INFO, arguments);
}

InfoResult info_at(const std::string& program, const std::string& arguments) {
  const std::string command = program + " " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run " + command);
  InfoResult result;
  std::array<char, 4096> buffer{};
  while (const std::size_t count = fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), count);
  }
  const int status = pclose(pipe);
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  return result;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void expect_usage_error(const std::string& arguments, const std::string& part) {
  const InfoResult result = info(arguments);
  EXPECT_EQ(result.exit_code, 2) << arguments;
  EXPECT_TRUE(contains(result.output, part)) << result.output;
  EXPECT_TRUE(result.output.starts_with("resnext-info: error: ")) << result.output;
  EXPECT_EQ(result.output.find('\n'), result.output.size() - 1) << result.output;  // one line
}

}  // namespace resnext::net
