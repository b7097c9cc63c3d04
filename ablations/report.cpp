#include "ablations/report.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include <sys/utsname.h>

#include "ablations/child_process.h"
#include "ablations/markdown.h"
#include "ablations/table_file.h"
#include "data/durable_file.h"

namespace resnext::ablations {
namespace {

namespace fs = std::filesystem;

/// The processor's name, as Linux has it.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

std::map<std::string, std::string> environment() {
  utsname name{};
  uname(&name);
  return {{"host", name.nodename},
          {"system", std::string(name.sysname) + " " + name.release},
          {"processor", processor()},
          {"processors", std::to_string(std::thread::hardware_concurrency())}};
}

std::string script(const std::string& name) {
  return fs::path(tables_folder()).parent_path() / "scripts" / name;
}

}  // namespace

std::string write_report(const Plan& plan, const TableSummary& summary) {
  const std::string stem = fs::path(plan.folder) / plan.table.name;
  write_table_file(stem + ".h5", plan, summary, environment());
  data::replace_file(stem + ".md", markdown(plan, summary));
  capture({script("report_table.py"), stem + ".h5", "-o", stem + ".html"});
  std::string paths = stem + ".h5\n" + stem + ".md\n" + stem + ".html\n";
  if (!plan.table.plot.empty()) {
    capture({script(plan.table.plot), stem + ".h5", "-o", stem + ".png"});
    paths += stem + ".png\n";
  }
  return paths;
}

}  // namespace resnext::ablations
