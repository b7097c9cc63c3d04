#include "launcher/hosts.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.h"

namespace resnext::launcher {
namespace {

using ::testing::HasSubstr;

/// The message of the UsageError that `action` throws.
template <typename Action>
std::string usage_error(const Action& action) {
  try {
    action();
  } catch (const cli::UsageError& error) {
    return error.what();
  }
  return "no UsageError";
}

TEST(ParseHosts, NamesAndSlots) {
  EXPECT_EQ(parse_hosts("a:4,b", 2), (std::vector<Host>{{"a", 4}, {"b", 2}}));
}

TEST(ParseHosts, NamesTheMistake) {
  EXPECT_THAT(usage_error([] { parse_hosts("a:x", 2); }), HasSubstr("a: 'x'"));
  EXPECT_THAT(usage_error([] { parse_hosts("a:0", 2); }), HasSubstr("'0'"));
  EXPECT_THAT(usage_error([] { parse_hosts("a,,b", 2); }), HasSubstr("no host name"));
  EXPECT_THAT(usage_error([] { parse_hosts("", 2); }), HasSubstr("names no host"));
}

TEST(ReadHostfile, OpenMpisForm) {
  const std::string path = ::testing::TempDir() + "hostfile";
  std::ofstream(path) << "# nodes\nnode1 slots=8 max_slots=8\n\nnode2   # all of it\n";
  EXPECT_EQ(read_hostfile(path, 4), (std::vector<Host>{{"node1", 8}, {"node2", 4}}));
}

TEST(ReadHostfile, NamesFileAndLine) {
  const std::string path = ::testing::TempDir() + "bad-hostfile";
  std::ofstream(path) << "node1\nnode2 slot=3\n";
  EXPECT_THAT(usage_error([&] { read_hostfile(path, 4); }), HasSubstr("bad-hostfile, line 2"));
  EXPECT_THAT(usage_error([] { read_hostfile("/nonexistent", 4); }), HasSubstr("/nonexistent"));
}

}  // namespace
}  // namespace resnext::launcher
