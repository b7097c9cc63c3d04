#pragma once
// What this machine, and the container around us if any, lets MPI do. Each is tried, not guessed:
// containers differ in what their seccomp filter forbids.

namespace resnext::launcher {

/// Whether one rank may read another's memory (process_vm_readv), which Open MPI's shared-memory
/// transport otherwise tries and fails at.
bool may_read_peer_memory();

/// Whether processes may be bound to cores and memory nodes.
bool may_bind();

}  // namespace resnext::launcher
