#include "worker/device/device.h"

#include <fstream>

#include <sys/utsname.h>

#include "net/engine.h"

namespace resnext::worker {
namespace {

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  utsname system{};
  uname(&system);
  return system.machine;
}

}  // namespace

Device cpu_device() {
  return {nullptr, 0, processor_name(), net::cpu_engine_version()};
}

}  // namespace resnext::worker
