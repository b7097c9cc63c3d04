#pragma once
// How much of the gradient is reduced together, where the user does not say.

#include <cstddef>

namespace resnext::worker {

/// MiB of a gradient bucket on so many ranks. Does not change a bit of the result.
///
/// Small buckets start early and leave little to do after the backward pass, but each costs
/// messages of its own. The base was measured (scripts/benchmark/README.md, "Buckets"). A bucket of
/// an exact reduction is cut into a segment for each rank, so past 64 ranks it grows with them, and
/// a message stays at 64 KiB or more; resnext-info --scale estimates what that saves.
double usual_bucket_mib(int ranks);

/// Values of a bucket of so many MiB of fp32; 0: the usual ones. At least one.
std::size_t bucket_values(double mib, int ranks);

}  // namespace resnext::worker
