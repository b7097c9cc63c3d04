#include "launcher/mpirun_line.h"

#include <array>
#include <cstdio>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace resnext::launcher {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<Host> kHere{{"", 2}};

std::string line_of(const MpirunSettings& settings, const Placement& placement,
                    const std::vector<Host>& hosts = kHere) {
  return shell_line(mpirun_line(settings, placement, hosts, "/w", {"--replicas", "8"}));
}

TEST(MpirunLine, OneMachineAllItsOwn) {
  MpirunSettings settings;
  settings.bind = true;
  EXPECT_EQ(line_of(settings, {2, 1, {2}, false}),
            "mpirun -n 2 --mca btl_tcp_if_include lo --map-by slot:PE=1 --bind-to core "
            "/w --replicas 8");
}

TEST(MpirunLine, OversubscribedRanksYield) {
  EXPECT_EQ(line_of({}, {8, 1, {8}, true}),
            "mpirun -n 8 --mca btl_tcp_if_include lo --map-by slot:oversubscribe --bind-to none "
            "--mca mpi_yield_when_idle 1 /w --replicas 8");
}

TEST(MpirunLine, RootSaysSo) {
  MpirunSettings settings;
  EXPECT_THAT(line_of(settings, {1, 2, {1}, false}), Not(HasSubstr("root")));
  settings.as_root = true;
  EXPECT_THAT(line_of(settings, {1, 2, {1}, false}), HasSubstr(" --allow-run-as-root "));
}

TEST(MpirunLine, NoPeerMemoryInBothVersionsWords) {
  MpirunSettings settings;
  settings.peer_memory_readable = false;
  const std::string line = line_of(settings, {2, 1, {2}, false});
  EXPECT_THAT(line, HasSubstr(" --mca btl_vader_single_copy_mechanism none "));
  EXPECT_THAT(line, HasSubstr(" --mca smsc '^cma' "));
}

TEST(MpirunLine, HostsWithTheirRanks) {
  const std::vector<Host> hosts{{"a", 4}, {"idle", 1}, {"b", 4}};
  const std::string line = line_of({}, {6, 1, {4, 0, 2}, false}, hosts);
  EXPECT_THAT(line, HasSubstr(" --host a:4,b:2 "));
  EXPECT_THAT(line, Not(HasSubstr("idle")));
  EXPECT_THAT(line, Not(HasSubstr("btl_tcp_if_include")));
}

TEST(ShouldBind, OnlyAJobThatHasTheWholeMachine) {
  EXPECT_TRUE(should_bind({2, 1, {2}, false}, kHere, true));
  EXPECT_TRUE(should_bind({1, 2, {1}, false}, kHere, true));
  EXPECT_FALSE(should_bind({1, 1, {1}, false}, kHere, true));
  EXPECT_FALSE(should_bind({2, 1, {2}, false}, kHere, false));
  EXPECT_FALSE(should_bind({8, 1, {8}, true}, kHere, true));
  EXPECT_FALSE(should_bind({2, 1, {2}, false}, {{"a", 2}}, true));
}

TEST(ShellLine, AShellReadsItBack) {
  const std::vector<std::string> words{"plain", "two words", "it's", "",
                                       "$HOME", "a\"b",      "*",    "\\"};
  const std::string command = "printf '<%s>' " + shell_line(words);
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  std::array<char, 256> output{};
  const std::size_t count = fread(output.data(), 1, output.size(), pipe.get());
  EXPECT_EQ(std::string(output.data(), count), "<plain><two words><it's><><$HOME><a\"b><*><\\>");
}

}  // namespace
}  // namespace resnext::launcher
