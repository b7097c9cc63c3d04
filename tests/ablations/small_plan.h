#pragma once
// The small table's plan at scale proxy, made with programs that scripts stand in for.

#include "ablations/plan.h"
#include "tests/ablations/scratch_folder.h"
#include "tests/ablations/small_table.h"

namespace resnext::ablations {

inline Programs small_programs(const ScratchFolder& folder) {
  return {"/bin/launch",
          folder.write_program("worker", "echo 'replicas = 4'\necho 'batch-per-replica = 16'\n"),
          folder.write_program("info",
                               "case $1 in\n"
                               "resnet11_cifar_w16) p=100;;\n"
                               "resnext11_2x10d_cifar_w16) p=110;;\n"
                               "*) echo \"error: no model $1\" >&2; exit 2;;\n"
                               "esac\n"
                               "echo \"{\\\"model\\\": \\\"$1\\\", \\\"parameters\\\": $p, "
                               "\\\"multiply_adds\\\": 5000}\"\n"),
          "/bin/data"};
}

inline PlanRequest small_request(const ScratchFolder& folder) {
  PlanRequest request;
  request.table = read_table(folder.write("small.toml", kSmallTable));
  request.scale = request.table.scale("proxy");
  request.folder = folder.path("results");
  Dataset set;
  set.name = "set";
  set.input = "32x32x3";
  set.classes = 10;
  set.options = {{"mean", "0.5"}};
  request.datasets = {{"set", set}};
  request.shards = {{"", {"/shards/train", "/shards/test", "aa", "bb", 640, 64}}};
  request.code = "worker 1";
  return request;
}

inline Plan small_plan(const ScratchFolder& folder) {
  return make_plan(small_request(folder), small_programs(folder));
}

}  // namespace resnext::ablations
