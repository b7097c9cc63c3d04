#include "launcher/programs.h"

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "cli/program.h"

namespace resnext::launcher {
namespace {

namespace fs = std::filesystem;

/// Not an error where the folder may not be entered: the shell passes over it too.
bool is_program(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored) && access(path.c_str(), X_OK) == 0;
}

std::optional<std::string> find_in_path(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path program = fs::path(folder.empty() ? "." : folder) / name;
    if (is_program(program)) return fs::absolute(program).lexically_normal().string();
  }
  return std::nullopt;
}

}  // namespace

std::string find_mpirun() {
  if (const auto mpirun = find_in_path("mpirun")) return *mpirun;
  throw std::runtime_error(
      "mpirun is not in PATH; install Open MPI (Debian: openmpi-bin) or load its module");
}

std::string find_sibling(const std::string& name, const std::string& build_folder,
                         const std::string& advice) {
  const fs::path self = fs::read_symlink("/proc/self/exe");
  const fs::path folder = self.parent_path();
  for (const fs::path& place : {folder / name, folder.parent_path() / build_folder / name}) {
    if (is_program(place)) return place.string();
  }
  if (const auto program = find_in_path(name)) return *program;
  throw std::runtime_error(fmt::format("no {} beside {} (in '{}') or in PATH{}", name,
                                       self.filename().string(), folder.string(), advice));
}

std::string find_worker(const std::string& given) {
  if (!given.empty()) {
    if (is_program(given)) return fs::absolute(given).lexically_normal().string();
    throw cli::UsageError(fmt::format("--worker: '{}' is not an executable file", given));
  }
  return find_sibling("resnext-worker", "worker", "; give --worker PATH");
}

}  // namespace resnext::launcher
