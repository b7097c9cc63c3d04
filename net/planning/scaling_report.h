#pragma once

#include <string>

#include "net/planning/scaling.h"

namespace resnext::net {

/// For people: what it is and how wrong it may be, then a table of fixed width.
std::string scaling_text(const ScalingTable& table);

/// For programs; the keys are those of kScalingJsonKeys.
std::string scaling_json(const ScalingTable& table);

extern const char* const kScalingJsonKeys;

}  // namespace resnext::net
