#pragma once

#include <string_view>

namespace resnext::net {

/// calibration.json, embedded by CMake.
std::string_view calibration_text();

}  // namespace resnext::net
