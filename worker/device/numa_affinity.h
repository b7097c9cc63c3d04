#pragma once
// Keeps a rank, and so the threads that decode for it, on the cores near its GPU.

#include <string>
#include <vector>

namespace resnext::worker {

/// The logical CPUs of a kernel list such as "0-3,8,10-11". Throws std::invalid_argument for
/// others.
std::vector<int> parse_cpu_list(const std::string& text);

/// The logical CPUs of the NUMA node that a PCI device ("0000:3b:00.0") hangs on, ascending; empty
/// where the kernel does not tell, or has no such nodes. `root` stands before /sys; tests give a
/// folder of their own.
std::vector<int> cpus_near(const std::string& pci_bus_id, const std::string& root = "");

/// What of the `allowed` CPUs to keep to: those `near`. Empty (stay as it is) where none are, or
/// where somebody has bound the process more tightly than to a node. Both ascending.
std::vector<int> narrowed_affinity(const std::vector<int>& allowed, const std::vector<int>& near);

/// Does so for the calling thread and those it will start; where the system forbids it, nothing
/// changes. `root` as above.
void keep_near(const std::string& pci_bus_id, const std::string& root = "");

}  // namespace resnext::worker
