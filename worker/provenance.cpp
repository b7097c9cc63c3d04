#include <array>
#include <ctime>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/revision.h"
#include "worker/comm/communicator.h"
#include "worker/setup.h"

namespace resnext::worker {
namespace {

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

nlohmann::json describe_provenance(const Device& device, int ranks) {
  std::array<char, 256> host{};
  gethostname(host.data(), host.size() - 1);
  return {{"version", cli::version()},
          {"revision", cli::revision()},
          {"host", std::string(host.data())},
          {"device", device.name},
          {"engine", device.engine},
          {"mpi", mpi_version()},
          {"ranks", ranks},
          {"written", utc_now()}};
}

}  // namespace resnext::worker
