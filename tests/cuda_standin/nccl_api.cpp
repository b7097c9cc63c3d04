// NCCL's functions over the stand-in's communicator.

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/cuda_standin/nccl_communicator.h"
#include "tests/cuda_standin/nccl_reduce.h"

/// What a ncclComm_t points to.
struct ncclComm {
  std::shared_ptr<resnext::standin::Communicator> communicator;
};

namespace resnext::standin {
namespace {

/// What has been called since ncclGroupStart, by communicator and stream.
struct Group {
  struct Part {
    ncclComm_t comm = nullptr;
    cudaStream_t stream = nullptr;
    std::string what;
    std::vector<Exchange> exchanges;
  };
  int depth = 0;
  std::vector<Part> parts;
};
thread_local Group group;

ncclResult_t issue(ncclComm_t comm, cudaStream_t stream, const std::string& what,
                   Exchange exchange) {
  if (group.depth == 0) return comm->communicator->issue(stream, what, {std::move(exchange)});
  const auto found = std::ranges::find_if(group.parts, [&](const Group::Part& part) {
    return part.comm == comm && part.stream == stream;
  });
  if (found != group.parts.end()) {
    found->exchanges.push_back(std::move(exchange));
  } else {
    group.parts.push_back({comm, stream, what, {std::move(exchange)}});
  }
  return ncclSuccess;
}

bool on_device(const void* start, std::size_t bytes) {
  if (bytes == 0 || in_device_memory(start, bytes)) return true;
  std::fprintf(stderr, "[standin] NCCL: %zu bytes at %p are not in device memory\n", bytes, start);
  return false;
}

Exchange to_all(const ncclComm_t comm, const void* from, std::size_t bytes) {
  Exchange exchange;
  for (int peer = 0; peer < comm->communicator->size(); ++peer) {
    exchange.sends.push_back({peer, static_cast<const char*>(from), bytes});
    exchange.receives.push_back(peer);
  }
  return exchange;
}

void put(void* to, const Bytes& bytes) {
  std::memcpy(to, bytes.data(), bytes.size());
}

std::string folder_of(const ncclUniqueId& id) {
  return {id.internal, strnlen(id.internal, sizeof id.internal)};
}

/// A blocking call waits for what a non-blocking caller asks after.
ncclResult_t settled(const ncclComm_t comm) {
  ncclResult_t state = comm->communicator->progress();
  while (comm->communicator->blocking() && state == ncclInProgress) {
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    state = comm->communicator->progress();
  }
  return state;
}

}  // namespace
}  // namespace resnext::standin

using namespace resnext::standin;

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  *version = NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  *id = {};
  std::random_device random;
  std::snprintf(id->internal, sizeof id->internal, "standin-nccl-%08x%08x", random(), random());
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  if (rank < 0 || rank >= size) return ncclInvalidArgument;
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess) return ncclUnhandledCudaError;
  const bool blocking = config == nullptr || config->blocking != 0;
  auto made = std::make_unique<ncclComm>();
  made->communicator = std::make_shared<Communicator>(folder_of(id), rank, size, blocking);
  *comm = made.release();
  return blocking ? settled(*comm) : ncclInProgress;
}

ncclResult_t ncclCommInitRank(ncclComm_t* comm, int size, ncclUniqueId id, int rank) {
  return ncclCommInitRankConfig(comm, size, id, rank, nullptr);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  try_waiting_work();
  *state = comm->communicator->progress();
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  comm->communicator->finalize();
  if (!comm->communicator->blocking()) return comm->communicator->progress();
  while (!comm->communicator->idle()) cudaDeviceSynchronize();
  return ncclSuccess;
}

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  const std::unique_ptr<ncclComm> owner(comm);
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  comm->communicator->abort();
  try_waiting_work();
  return ncclCommDestroy(comm);
}

ncclResult_t ncclCommCount(const ncclComm_t comm, int* count) {
  *count = comm->communicator->size();
  return ncclSuccess;
}

ncclResult_t ncclCommUserRank(const ncclComm_t comm, int* rank) {
  *rank = comm->communicator->rank();
  return ncclSuccess;
}

ncclResult_t ncclCommCuDevice(const ncclComm_t comm, int* device) {
  *device = comm->communicator->device();
  return ncclSuccess;
}

ncclResult_t ncclMemAlloc(void** start, std::size_t bytes) {
  return cudaMalloc(start, bytes) == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
}

ncclResult_t ncclMemFree(void* start) {
  return cudaFree(start) == cudaSuccess ? ncclSuccess : ncclUnhandledCudaError;
}

ncclResult_t ncclCommRegister(const ncclComm_t, void* start, std::size_t bytes, void** handle) {
  if (!on_device(start, bytes)) return ncclInvalidArgument;
  *handle = start;
  return ncclSuccess;
}

ncclResult_t ncclCommDeregister(const ncclComm_t, void* handle) {
  return handle != nullptr ? ncclSuccess : ncclInvalidArgument;
}

ncclResult_t ncclGroupStart() {
  ++group.depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (group.depth == 0) return ncclInvalidUsage;
  if (--group.depth > 0) return ncclSuccess;
  ncclResult_t result = ncclSuccess;
  for (Group::Part& part : std::exchange(group.parts, {})) {
    const ncclResult_t one =
        part.comm->communicator->issue(part.stream, part.what, std::move(part.exchanges));
    if (one != ncclSuccess) result = one;
  }
  return result;
}

ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int peer,
                      ncclComm_t comm, cudaStream_t stream) {
  const std::size_t bytes = count * size_of(type);
  if (size_of(type) == 0 || !on_device(from, bytes)) return ncclInvalidArgument;
  Exchange exchange;
  exchange.sends.push_back({peer, static_cast<const char*>(from), bytes});
  exchange.finish = [](const std::vector<Bytes>&) {};
  return issue(comm, stream, "send", std::move(exchange));
}

ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int peer, ncclComm_t comm,
                      cudaStream_t stream) {
  const std::size_t bytes = count * size_of(type);
  if (size_of(type) == 0 || !on_device(to, bytes)) return ncclInvalidArgument;
  Exchange exchange;
  exchange.receives.push_back(peer);
  exchange.finish = [to](const std::vector<Bytes>& received) { put(to, received[0]); };
  return issue(comm, stream, "receive", std::move(exchange));
}

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  const std::size_t bytes = count * size_of(type);
  if (size_of(type) == 0 || operation >= ncclNumOps) return ncclInvalidArgument;
  if (!on_device(from, bytes) || !on_device(to, bytes)) return ncclInvalidArgument;
  Exchange exchange = to_all(comm, from, bytes);
  exchange.finish = [=](const std::vector<Bytes>& parts) {
    put(to, reduce(parts, type, operation));
  };
  return issue(comm, stream, "all-reduce", std::move(exchange));
}

ncclResult_t ncclReduceScatter(const void* from, void* to, std::size_t count, ncclDataType_t type,
                               ncclRedOp_t operation, ncclComm_t comm, cudaStream_t stream) {
  const std::size_t bytes = count * size_of(type);
  const auto size = std::size_t(comm->communicator->size());
  if (size_of(type) == 0 || operation >= ncclNumOps) return ncclInvalidArgument;
  if (!on_device(from, bytes * size) || !on_device(to, bytes)) return ncclInvalidArgument;
  Exchange exchange = to_all(comm, from, bytes);
  for (Exchange::Send& send : exchange.sends) send.start += std::size_t(send.peer) * bytes;
  exchange.finish = [=](const std::vector<Bytes>& parts) {
    put(to, reduce(parts, type, operation));
  };
  return issue(comm, stream, "reduce-scatter", std::move(exchange));
}

ncclResult_t ncclAllGather(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclComm_t comm, cudaStream_t stream) {
  const std::size_t bytes = count * size_of(type);
  const auto size = std::size_t(comm->communicator->size());
  if (size_of(type) == 0) return ncclInvalidArgument;
  if (!on_device(from, bytes) || !on_device(to, bytes * size)) return ncclInvalidArgument;
  Exchange exchange = to_all(comm, from, bytes);
  exchange.finish = [=](const std::vector<Bytes>& parts) {
    for (std::size_t i = 0; i < parts.size(); ++i)
      put(static_cast<char*>(to) + i * bytes, parts[i]);
  };
  return issue(comm, stream, "all-gather", std::move(exchange));
}

ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           int root, ncclComm_t comm, cudaStream_t stream) {
  const std::size_t bytes = count * size_of(type);
  const bool is_root = comm->communicator->rank() == root;
  if (size_of(type) == 0 || !on_device(to, bytes)) return ncclInvalidArgument;
  if (is_root && !on_device(from, bytes)) return ncclInvalidArgument;
  Exchange exchange;
  if (is_root) exchange = to_all(comm, from, bytes);
  exchange.receives = {root};
  exchange.finish = [to](const std::vector<Bytes>& received) { put(to, received[0]); };
  return issue(comm, stream, "broadcast", std::move(exchange));
}

ncclResult_t ncclBcast(void* buffer, std::size_t count, ncclDataType_t type, int root,
                       ncclComm_t comm, cudaStream_t stream) {
  return ncclBroadcast(buffer, buffer, count, type, root, comm, stream);
}

const char* ncclGetErrorString(ncclResult_t result) {
  switch (result) {
    case ncclSuccess:
      return "no error";
    case ncclUnhandledCudaError:
      return "unhandled cuda error (run with NCCL_DEBUG=INFO for details)";
    case ncclSystemError:
      return "unhandled system error (run with NCCL_DEBUG=INFO for details)";
    case ncclInternalError:
      return "internal error - please report this issue to the NCCL developers";
    case ncclInvalidArgument:
      return "invalid argument (run with NCCL_DEBUG=WARN for details)";
    case ncclInvalidUsage:
      return "invalid usage (run with NCCL_DEBUG=WARN for details)";
    case ncclRemoteError:
      return "remote process exited or there was a network error";
    case ncclInProgress:
      return "NCCL operation in progress";
    default:
      return "unknown result code";
  }
}

const char* ncclGetLastError(ncclComm_t) {
  return "";
}
}
