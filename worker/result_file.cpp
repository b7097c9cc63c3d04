#include "worker/result_file.h"

#include <filesystem>
#include <stdexcept>

#include <fmt/format.h>

#include "data/durable_file.h"
#include "data/hdf5.h"
#include "worker/history_datasets.h"

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;
using data::hdf5::Attribute;
using data::hdf5::File;

constexpr const char* kFormat = "resnext-result";
constexpr std::int64_t kVersion = 1;

Attribute to_attribute(const std::string& name, const nlohmann::json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  throw std::invalid_argument(
      fmt::format("result attribute '{}' is {}: {}; want text, a number or a "
                  "boolean",
                  name, value.type_name(), value.dump()));
}

void write_attributes(File& file, const std::string& object, const nlohmann::json& attributes) {
  for (const auto& [name, value] : attributes.items()) {
    file.set_attribute(object, name, to_attribute(name, value));
  }
}

}  // namespace

void check_result_path(const std::string& path) {
  try {
    if (fs::is_directory(path)) throw std::runtime_error("it is a folder");
    const fs::path parent = fs::path(path).parent_path();
    data::check_folder_writable(parent.empty() ? "." : parent.string());
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("result file '{}': {}", path, error.what()));
  }
}

void publish_result(const std::string& path, const ResultDescription& description,
                    const TrainingHistory& training, const ValidationHistory& validation) {
  File file = File::create_in_memory(path);
  file.set_attribute("/", "format", kFormat);
  file.set_attribute("/", "format_version", kVersion);
  write_attributes(file, "/", description.attributes);
  write_history(file, "/train", training);
  write_history(file, "/validation", validation);
  file.create_group("/summary");
  write_attributes(file, "/summary", description.summary);
  data::replace_file(path, file.image());
}

}  // namespace resnext::worker
