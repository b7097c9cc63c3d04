#pragma once
// What this build was made from. Programs and the CUDA plugin are only to be used together when
// they are of one build.

#include <string>

namespace resnext::cli {

/// The project's version, e.g. "0.1.0".
std::string version();

/// As git describes the source when CMake configures, e.g. "455e1f5fb8d5-dirty"; "unknown" outside
/// a checkout.
std::string revision();

/// Both, as a plugin and its program compare them: "0.1.0 (455e1f5fb8d5)".
std::string build();

}  // namespace resnext::cli
