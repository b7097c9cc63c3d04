#include "cli/revision.h"

#include <fmt/format.h>

namespace resnext::cli {

std::string version() {
  return RESNEXT_VERSION;
}

std::string revision() {
  return RESNEXT_REVISION;
}

std::string build() {
  return fmt::format("{} ({})", version(), revision());
}

}  // namespace resnext::cli
