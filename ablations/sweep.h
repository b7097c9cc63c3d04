#pragma once
// A sweep from the command line to the report.

#include "ablations/sweep_options.h"

namespace resnext::ablations {

/// Does what the options say, and returns the program's exit code: 0 where all runs asked for are
/// finished (or the sweep was stopped as asked), 1 where some failed or diverged.
int sweep(const SweepOptions& options);

}  // namespace resnext::ablations
