#pragma once
// What a sweep will cost, before it starts: time by a short run of each network on this machine, or
// by the roofline of a GPU; and disk.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ablations/plan.h"
#include "ablations/programs.h"
#include "ablations/slots.h"

namespace resnext::ablations {

/// How fast a network trains, and where that is from.
struct Rate {
  double images_per_second = 0;
  double start_seconds = 0;
  int devices = 1;      ///< ranks
  std::string problem;  ///< why there is none; else empty
};

/// By a few steps on the cores or GPUs of a slot; kept in the plan's folder, where later calls find
/// it. `launch`: the beginning of the command line. GPUs get whole batches, which fill them.
Rate measure_rate(const Plan& plan, const PlannedRun& run, const Slot& slot,
                  const std::vector<std::string>& launch, bool on_gpus);

/// By `resnext-info --scale` for a GPU kind ("h100"), one replica on each GPU.
Rate roofline_rate(const PlannedRun& run, const std::string& gpu_kind, const Programs& programs);

/// Of a whole run at such a rate: training, evaluations (forward: a third of the work), start.
double estimated_seconds(const PlannedRun& run, const Rate& rate);

/// Bytes that a run's checkpoints and result take.
std::uint64_t disk_bytes(const PlannedRun& run);

/// Throws std::runtime_error naming what is needed and what is there, unless `folder`'s disk has
/// room for `needed` bytes. The folder need not exist.
void require_disk(const std::string& folder, std::uint64_t needed);

/// "3.2 GB"
std::string format_bytes(std::uint64_t bytes);

/// "2.3 h", "4.1 min", "12 s"
std::string format_seconds(double seconds);

}  // namespace resnext::ablations
