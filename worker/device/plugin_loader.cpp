#include "worker/device/plugin_loader.h"

#include <exception>
#include <filesystem>

#include <dlfcn.h>
#include <fmt/format.h>

#include "cli/revision.h"

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;

std::string last_error() {
  const char* const text = dlerror();
  return text == nullptr ? "no reason given" : text;
}

/// The first that there is, or the mere name, for which the dynamic linker searches.
std::string choose_file(const std::vector<std::string>& folders) {
  std::error_code ignored;
  for (const std::string& folder : folders) {
    const fs::path file = fs::path(folder) / net::kCudaPluginFile;
    if (fs::exists(file, ignored)) return file.string();
  }
  return net::kCudaPluginFile;
}

/// Checks an open library. It stays open in any case: CUDA's libraries do not survive unloading.
PluginSearch examine(void* library, const std::string& file, const std::string& build) {
  PluginSearch found{nullptr, "", true};
  const auto entry = reinterpret_cast<net::CudaPluginEntry>(dlsym(library, net::kCudaPluginEntry));
  const net::CudaPlugin* const plugin = entry == nullptr ? nullptr : entry();
  if (plugin == nullptr) {
    found.why_none = fmt::format("{} is no CUDA plugin of this project", file);
  } else if (plugin->build() != build) {
    found.why_none =
        fmt::format("{} was built from {}, this program from {}; install them together", file,
                    plugin->build(), build);
  } else {
    found.plugin = plugin;
  }
  return found;
}

}  // namespace

PluginSearch load_cuda_plugin(const std::vector<std::string>& folders, const std::string& build) {
  const std::string file = choose_file(folders);
  dlerror();
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    const std::string error = last_error();
    // Of a plugin that is there, the linker names whatever that lacks.
    if (error.starts_with(std::string(net::kCudaPluginFile) + ": cannot open shared object file")) {
      return {
          nullptr,
          fmt::format("{} was not found (this build has no CUDA engine?)", net::kCudaPluginFile),
          false};
    }
    const bool named = error.find(net::kCudaPluginFile) != std::string::npos;
    return {nullptr, named ? error : fmt::format("{}: {}", file, error), true};
  }
  try {
    return examine(library, file, build);
  } catch (const std::exception& error) {
    return {nullptr, fmt::format("{}: {}", file, error.what()), true};
  }
}

PluginSearch load_cuda_plugin() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  std::vector<std::string> folders;
  if (!failed) {
    const fs::path folder = program.parent_path();
    folders = {folder.string(), (folder / ".." / "lib").string(),
               (folder / RESNEXT_LIBRARY_FOLDER).string()};
  }
  return load_cuda_plugin(folders, cli::build());
}

}  // namespace resnext::worker
