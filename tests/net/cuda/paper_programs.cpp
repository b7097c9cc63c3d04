#include "paper_programs.h"

#include <optional>
#include <string_view>

#include "net/spec.h"

namespace resnext::net::cuda {
namespace {

/// What is different from a network's usual input and classes.
struct Variation {
  std::optional<int> side = {}, classes = {};
  bool training = true;
};

class ProgramList {
 public:
  void add(const Spec& spec, const Variation& variation, DataType type) {
    const int side = variation.side.value_or(usual_input_side(spec));
    const Graph graph =
        build_graph(spec, {3, side, side}, variation.classes.value_or(usual_classes(spec)));
    const int batch = spec.stem == Stem::kCifar ? 16 : 32;
    if (variation.training) programs_.push_back(lower(graph, batch, type, true));
    programs_.push_back(lower(graph, batch, type, false));
  }
  std::vector<DeviceProgram> finish() { return std::move(programs_); }

 private:
  std::vector<DeviceProgram> programs_;
};

/// Whether `place`, e.g. "Tables 3, 4", names a table.
bool is_in_table(std::string_view place, char table) {
  const std::size_t tables = place.find("Table");
  if (tables == std::string_view::npos) return false;
  const std::string_view numbers = place.substr(tables, place.find("Figure") - tables);
  return numbers.find(table) != std::string_view::npos;
}

}  // namespace

std::vector<DeviceProgram> paper_programs() {
  ProgramList programs;
  for (const KnownModel& model : known_models()) {
    if (model.place.empty()) continue;
    const Spec spec = parse_spec(model.name);
    const auto add = [&](const Variation& variation) {
      programs.add(spec, variation, DataType::kBf16);
    };
    add({});
    if (is_in_table(model.place, '5')) add({.side = 320, .training = false});
    if (is_in_table(model.place, '6')) add({.classes = 5000});  // ImageNet-5K
    if (is_in_table(model.place, '7')) add({.classes = 100});   // CIFAR-100
  }
  return programs.finish();
}

std::vector<DeviceProgram> programs_of(const std::vector<std::string>& models, DataType type) {
  ProgramList programs;
  for (const std::string& model : models) programs.add(parse_spec(model), {}, type);
  return programs.finish();
}

}  // namespace resnext::net::cuda
