#pragma once
// Sums and other reductions of the stand-in NCCL, in the order of ranks.

#include <vector>

#include <nccl.h>

#include "tests/cuda_standin/message_folder.h"

namespace resnext::standin {

/// Bytes of a value; 0: a type that is not offered.
std::size_t size_of(ncclDataType_t type);

/// `parts`: one a rank, of equal length. bf16 is summed in fp32 and rounded once.
Bytes reduce(const std::vector<Bytes>& parts, ncclDataType_t type, ncclRedOp_t operation);

}  // namespace resnext::standin
