#pragma once
// The last error of a thread, as cudaGetLastError() tells it.

#include <cuda_runtime_api.h>

namespace resnext::standin {

/// Remembers `status` where it is an error, and returns it.
cudaError_t remember(cudaError_t status);

/// Error of a call that needs a GPU, where the environment describes none that could be used.
cudaError_t device_status();

/// The device that this thread has chosen, from 0.
int current_device();

}  // namespace resnext::standin
