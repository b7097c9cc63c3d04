#pragma once
// Runs a script with Debian's Python, to look at our files with h5py, which we did not write.

#include <cstdio>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

#include <unistd.h>

namespace resnext::worker {

/// What `script` prints (standard error too). `argument` is its sys.argv[1].
inline std::string run_python(const std::string& script, const std::string& argument) {
  const std::string path = "/tmp/resnext-test-" + std::to_string(getpid()) + ".py";
  std::ofstream(path) << script;
  const std::string command = "/usr/bin/python3 " + path + " '" + argument + "' 2>&1";
  std::string output;
  {
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
    if (!pipe) throw std::runtime_error("cannot run " + command);
    char buffer[4096];
    for (std::size_t count = 0; (count = fread(buffer, 1, sizeof buffer, pipe.get())) > 0;) {
      output.append(buffer, count);
    }
  }
  unlink(path.c_str());
  return output;
}

}  // namespace resnext::worker
