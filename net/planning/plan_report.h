#pragma once
// A run's plan for people and for programs.

#include <string>

#include "net/planning/run_plan.h"

namespace resnext::net {

/// Text that ends in a newline: graphs, memory, bound on images/s, and what of it is estimated.
std::string plan_text(const RunPlan& plan);

/// One JSON object; its keys are listed in kPlanJsonKeys.
std::string plan_json(const RunPlan& plan);

/// For --help.
extern const char* const kPlanJsonKeys;

}  // namespace resnext::net
