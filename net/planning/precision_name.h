#pragma once

#include <string>

#include "net/precision.h"

namespace resnext::net {

/// As --precision takes it: "fp32", "tf32" or "bf16".
std::string precision_name(Precision precision);

/// The other way. Throws std::invalid_argument for other names, with the nearest.
Precision parse_precision(const std::string& name);

}  // namespace resnext::net
