#include "ablations/programs.h"

#include "ablations/child_process.h"
#include "launcher/programs.h"

namespace resnext::ablations {

Programs find_programs() {
  const std::string advice = "; build it, or put it there";
  const auto find = [&](const std::string& name, const std::string& folder) {
    return launcher::find_sibling(name, folder, advice);
  };
  return {find("resnext-launch", "launcher"), find("resnext-worker", "worker"),
          find("resnext-info", "net"), find("resnext-data", "data")};
}

std::string code_version(const Programs& programs) {
  std::string text = capture({programs.worker, "--version"});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace resnext::ablations
