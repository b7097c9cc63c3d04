#pragma once
// What the stand-in CUDA runtime offers to the other stand-ins (kernels, cuDNN, NCCL), beside the
// functions of CUDA itself. "Device memory" is memory of the host.

#include <cstddef>
#include <functional>
#include <string>

#include <cuda_runtime_api.h>

namespace resnext::standin {

/// One try at a piece of work; true once it is done. Tried again later otherwise.
using Attempt = std::function<bool()>;

/// Appends work to a stream (to the graph, where the stream is being captured). `make` is called
/// when the work is issued: now, or at each launch of the graph.
cudaError_t enqueue_attempts(cudaStream_t stream, const std::string& what,
                             std::function<Attempt()> make);

/// The same for work that never has to wait for another process.
cudaError_t enqueue(cudaStream_t stream, const std::string& what, std::function<void()> work);

/// Tries work that waits for other processes, whatever stream it is at the head of.
void try_waiting_work();

/// Runs a launch: grid, block, bytes of dynamic shared memory.
using Launch = std::function<void(dim3, dim3, std::size_t)>;
/// Copies the arguments of a launch, given as CUDA does: pointers to each.
using Binder = std::function<Launch(void**)>;

/// `mangled`: the kernel's name as the compilers mangle it.
void register_kernel(const std::string& mangled, Binder binder);

/// Whether [start, start + bytes) lies in one allocation of device memory.
bool in_device_memory(const void* start, std::size_t bytes);

/// Of the GPU that this thread has chosen, e.g. "0000:10:00.0".
std::string current_pci_bus_id();

/// What memory that nothing has been written to is filled with: NaN in all floating-point types.
inline constexpr int kPoison = 0xFF;

}  // namespace resnext::standin
