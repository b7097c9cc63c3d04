#include <array>
#include <ctime>
#include <fstream>

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "net/engine.h"
#include "worker/comm/communicator.h"
#include "worker/setup.h"

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

std::string mpi_version() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  const std::string whole(text.data(), static_cast<std::size_t>(length));
  return whole.substr(0, whole.find(','));
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

}  // namespace

nlohmann::json describe_provenance(int ranks) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return {{"version", RESNEXT_VERSION},
          {"revision", RESNEXT_REVISION},
          {"host", std::string(host.data())},
          {"device", processor_name()},
          {"engine", net::cpu_engine_version()},
          {"mpi", mpi_version()},
          {"ranks", ranks},
          {"written", utc_now()}};
}

}  // namespace resnext::worker
