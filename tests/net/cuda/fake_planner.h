#pragma once

#include <cstdint>

/// First extents of graphs that the fake planner does not plan.
inline constexpr std::int64_t kCrashes = 13, kEndsEarly = 14, kUnsupported = 15;
