// net/README.md's table of models says what is true.

#include <fstream>
#include <map>
#include <regex>
#include <string>

#include <gtest/gtest.h>

#include "net/complexity.h"
#include "net/graph.h"
#include "net/spec.h"

namespace resnext::net {
namespace {

struct Row {
  std::string parameters, multiply_adds, place;
};

std::map<std::string, Row> documented_models() {
  std::ifstream file(RESNEXT_SOURCE_DIR "/net/README.md");
  const std::regex pattern(R"(\| `(\w+)` \| ([0-9,]+) \| ([0-9.e]+) \| (.*) \|)");
  std::map<std::string, Row> rows;
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (std::regex_match(line, match, pattern)) rows[match[1]] = {match[2], match[3], match[4]};
  }
  return rows;
}

std::string without_commas(std::string text) {
  std::erase(text, ',');
  return text;
}

TEST(ModelsDocumented, TheTableOfTheReadmeIsTrue) {
  const auto rows = documented_models();
  EXPECT_EQ(rows.size(), known_models().size());
  for (const KnownModel& model : known_models()) {
    ASSERT_TRUE(rows.contains(model.name)) << model.name;
    const Row& row = rows.at(model.name);
    const Spec spec = parse_spec(model.name);
    const int side = usual_input_side(spec);
    const Complexity cost =
        graph_complexity(build_graph(spec, {3, side, side}, usual_classes(spec)));
    EXPECT_EQ(without_commas(row.parameters), std::to_string(cost.parameters)) << model.name;
    const double given = std::stod(row.multiply_adds);
    EXPECT_NEAR(double(cost.multiply_adds) / given, 1, 0.006) << model.name;
    EXPECT_EQ(row.place, model.place) << model.name;
  }
}

}  // namespace
}  // namespace resnext::net
