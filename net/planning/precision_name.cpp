#include "net/planning/precision_name.h"

#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "cli/nearest_name.h"

namespace resnext::net {

std::string precision_name(Precision precision) {
  switch (precision) {
    case Precision::kFp32:
      return "fp32";
    case Precision::kTf32:
      return "tf32";
    case Precision::kBf16:
      return "bf16";
  }
  return "fp32";
}

Precision parse_precision(const std::string& name) {
  for (const Precision precision : {Precision::kFp32, Precision::kTf32, Precision::kBf16}) {
    if (name == precision_name(precision)) return precision;
  }
  const std::vector<std::string> names = {"fp32", "tf32", "bf16"};
  throw std::invalid_argument(fmt::format("unknown precision '{}'{} (one of: fp32, tf32, bf16)",
                                          name, cli::did_you_mean(name, names)));
}

}  // namespace resnext::net
