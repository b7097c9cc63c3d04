#include "ablations/fingerprint.h"

#include <functional>
#include <map>

#include <gtest/gtest.h>

namespace resnext::ablations {
namespace {

RunIdentity identity() {
  return {"proxy",
          "resnet11_cifar_w16",
          "0123",
          {"shards/train", "shards/test", "aa", "bb", 100, 10},
          {{"epochs", "3"}},
          1,
          "resnext-worker 0.1.0 (abc)"};
}

TEST(Fingerprint, IsTheSameWhereverTheDataLies) {
  RunIdentity moved = identity();
  moved.shards.training = "/elsewhere/train";
  EXPECT_EQ(fingerprint_hash(fingerprint(moved)), fingerprint_hash(fingerprint(identity())));
  EXPECT_EQ(difference(fingerprint(moved), fingerprint(identity())), "");
}

TEST(Fingerprint, TellsEveryChangeAndNamesIt) {
  const std::map<std::string, std::function<void(RunIdentity&)>> changes{
      {"scale", [](RunIdentity& run) { run.scale = "smoke"; }},
      {"model", [](RunIdentity& run) { run.model += "_noshortcut"; }},
      {"graph", [](RunIdentity& run) { run.graph = "4567"; }},
      {"data", [](RunIdentity& run) { run.shards.training_identity = "cc"; }},
      {"validation_data", [](RunIdentity& run) { run.shards.validation_identity = "cc"; }},
      {"recipe", [](RunIdentity& run) { run.recipe["nesterov"] = "off"; }},
      {"seed", [](RunIdentity& run) { run.seed = 2; }},
      {"code", [](RunIdentity& run) { run.code += "-dirty"; }}};
  const auto before = fingerprint(identity());
  for (const auto& [name, change] : changes) {
    RunIdentity changed = identity();
    change(changed);
    EXPECT_EQ(difference(before, fingerprint(changed)), name);
    EXPECT_NE(fingerprint_hash(before), fingerprint_hash(fingerprint(changed))) << name;
  }
}

}  // namespace
}  // namespace resnext::ablations
