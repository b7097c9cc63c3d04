#include "worker/checkpoint.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>
#include <variant>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "data/crc32.h"
#include "worker/history_datasets.h"

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;
using data::hdf5::Dimensions;
using data::hdf5::File;

constexpr const char* kFormat = "resnext-checkpoint";
constexpr std::int64_t kVersion = 1;

// --- The trailer: text of a fixed length after the HDF5 image.

std::string trailer(std::uint64_t bytes, std::uint32_t crc) {
  return fmt::format("\nresnext checkpoint: bytes={:020} crc32={:08x}\n", bytes, crc);
}

std::size_t trailer_length() {
  return trailer(0, 0).size();
}

std::span<const std::uint8_t> as_octets(const void* data, std::size_t count) {
  return {static_cast<const std::uint8_t*>(data), count};
}

std::string read_exactly(std::ifstream& file, std::size_t count, const std::string& path) {
  std::string text(count, '\0');
  if (!file.read(text.data(), static_cast<std::streamsize>(count))) {
    throw std::runtime_error(fmt::format("{}: cannot read the checkpoint", path));
  }
  return text;
}

std::uint32_t crc_of_next(std::ifstream& file, std::uint64_t bytes, const std::string& path) {
  constexpr std::uint64_t kPiece = std::uint64_t(1) << 20;
  std::uint32_t crc = 0;
  for (std::uint64_t left = bytes; left > 0;) {
    const std::string piece = read_exactly(file, std::min(left, kPiece), path);
    crc = data::crc32(as_octets(piece.data(), piece.size()), crc);
    left -= piece.size();
  }
  return crc;
}

// --- Names and shapes of the tensors in the file.

std::vector<Dimensions> shapes_of(const std::vector<net::Parameter>& parameters) {
  std::vector<Dimensions> shapes;
  for (const net::Parameter& parameter : parameters) {
    shapes.emplace_back(parameter.shape.begin(), parameter.shape.end());
  }
  return shapes;
}

std::vector<Dimensions> shapes_of(const std::vector<net::Statistic>& statistics) {
  std::vector<Dimensions> shapes;
  for (const net::Statistic& statistic : statistics) shapes.push_back({statistic.count});
  return shapes;
}

std::string to_text(const Dimensions& shape) {
  return fmt::format("{}", fmt::join(shape, "x"));
}

void require_size(const char* what, std::size_t have, std::size_t want) {
  if (have != want) {
    throw std::logic_error(
        fmt::format("checkpoint: {} {}, but the graph has {}", have, what, want));
  }
}

/// Writes the slices of `values` that `tensors` name as /GROUP/NAME.
template <typename Tensor>
void write_slices(File& file, const std::string& group, const std::vector<Tensor>& tensors,
                  std::span<const float> values) {
  const std::vector<Dimensions> shapes = shapes_of(tensors);
  file.create_group(group);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    file.write<float>(group + "/" + tensors[i].name,
                      values.subspan(tensors[i].offset, tensors[i].count), shapes[i]);
  }
}

[[noreturn]] void throw_other_model(const File& file, const std::string& difference) {
  throw std::runtime_error(fmt::format("{}: checkpoint of another model ({}): {}", file.name(),
                                       file.string_attribute("/", "model"), difference));
}

/// Throws naming the first tensor, from the input on, that the file has not or has differently.
template <typename Tensor>
void require_same_tensors(const File& file, const std::string& group,
                          const std::vector<Tensor>& tensors) {
  const std::vector<Dimensions> shapes = shapes_of(tensors);
  std::set<std::string> expected;
  for (std::size_t i = tensors.size(); i-- > 0;) {  // the arena is in backward order
    const std::string object = group + "/" + tensors[i].name;
    expected.insert(tensors[i].name);
    if (!file.exists(object)) throw_other_model(file, fmt::format("it has no {}", object));
    const Dimensions stored = file.dataset(object).dimensions();
    if (stored != shapes[i]) {
      throw_other_model(file, fmt::format("{} is {} there, {} here", object, to_text(stored),
                                          to_text(shapes[i])));
    }
  }
  for (const std::string& name : file.list(group)) {
    if (!expected.contains(name)) {
      throw_other_model(file, fmt::format("{}/{} is not in this model", group, name));
    }
  }
}

template <typename Tensor>
std::vector<float> read_slices(const File& file, const std::string& group,
                               const std::vector<Tensor>& tensors, std::size_t count) {
  std::vector<float> values(count);
  for (const Tensor& tensor : tensors) {
    const std::vector<float> slice = file.read<float>(group + "/" + tensor.name);
    std::copy(slice.begin(), slice.end(),
              values.begin() + static_cast<std::ptrdiff_t>(tensor.offset));
  }
  return values;
}

void require_format(const File& file) {
  if (!file.has_attribute("/", "format") || file.string_attribute("/", "format") != kFormat) {
    throw std::runtime_error(fmt::format("{}: not a checkpoint of this program", file.name()));
  }
  const std::int64_t version = file.integer_attribute("/", "format_version");
  if (version != kVersion) {
    throw std::runtime_error(fmt::format("{}: checkpoint format {}, this program reads format {}",
                                         file.name(), version, kVersion));
  }
}

/// The step in "checkpoint-STEP.h5", or nullopt for another name.
std::optional<std::uint64_t> step_in_name(const std::string& name) {
  constexpr std::string_view kPrefix = "checkpoint-";
  constexpr std::string_view kSuffix = ".h5";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  const char* end = name.data() + name.size() - kSuffix.size();
  std::uint64_t step = 0;
  const auto [stop, error] = std::from_chars(name.data() + kPrefix.size(), end, step);
  if (error != std::errc() || stop != end) return std::nullopt;
  return step;
}

}  // namespace

std::vector<std::byte> encode_checkpoint(const net::Graph& graph, const TrainingState& state,
                                         const CheckpointHeader& header) {
  require_size("parameters", state.parameters.size(), graph.parameter_count);
  require_size("momentum values", state.momentum.size(), graph.parameter_count);
  require_size("statistics", state.statistics.size(), graph.statistic_count);
  if (!state.average.empty()) {
    require_size("averages", state.average.size(), graph.parameter_count);
    require_size("averaged statistics", state.average_statistics.size(), graph.statistic_count);
  }
  std::vector<std::byte> bytes;
  {
    File file = File::create_in_memory("checkpoint");
    file.set_attribute("/", "format", kFormat);
    file.set_attribute("/", "format_version", kVersion);
    file.set_attribute("/", "model", graph.spec.name);
    file.set_attribute("/", "step", static_cast<std::int64_t>(state.step));
    file.set_attribute("/", "seconds", state.seconds);
    file.set_attribute("/", "experiment", header.experiment.dump());
    file.set_attribute("/", "provenance", header.provenance.dump());
    write_slices(file, "/parameters", graph.parameters, state.parameters);
    write_slices(file, "/momentum", graph.parameters, state.momentum);
    write_slices(file, "/statistics", graph.statistics, state.statistics);
    if (!header.class_names.empty()) {
      file.set_attribute("/", "class_names", header.class_names, data::hdf5::StringStorage::kFixed);
    }
    if (!state.average.empty()) {
      write_slices(file, "/average", graph.parameters, state.average);
      write_slices(file, "/average_statistics", graph.statistics, state.average_statistics);
    }
    write_history(file, "/history/train", state.training);
    write_history(file, "/history/validation", state.validation);
    bytes = file.image();
  }  // frees HDF5's copy before ours grows
  const std::string end = trailer(bytes.size(), data::crc32(as_octets(bytes.data(), bytes.size())));
  const auto end_bytes = std::as_bytes(std::span(end));
  bytes.insert(bytes.end(), end_bytes.begin(), end_bytes.end());
  return bytes;
}

void check_checkpoint(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    throw std::runtime_error(
        fmt::format("{}: cannot read the checkpoint: {}", path, std::strerror(errno)));
  }
  const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(0, file.tellg()));
  if (size < trailer_length())
    throw std::runtime_error(fmt::format("{}: torn: {} bytes", path, size));
  const std::uint64_t bytes = size - trailer_length();
  file.seekg(0);
  const std::uint32_t crc = crc_of_next(file, bytes, path);
  const std::string stored = read_exactly(file, trailer_length(), path);
  if (stored == trailer(bytes, crc)) return;
  // Everything up to the checksum as expected: then it is the contents that are not.
  const std::size_t until_checksum = trailer_length() - std::strlen("00000000\n");
  const bool altered =
      stored.compare(0, until_checksum, trailer(bytes, crc), 0, until_checksum) == 0;
  throw std::runtime_error(fmt::format(
      "{}: {}", path,
      altered ? "altered: the checksum differs" : "torn: it does not end as a checkpoint does"));
}

File open_checkpoint(const std::string& path) {
  check_checkpoint(path);
  File file = File::open(path);
  require_format(file);
  return file;
}

Checkpoint read_checkpoint(const std::string& path, const net::Graph& graph) {
  const File file = open_checkpoint(path);
  require_same_tensors(file, "/parameters", graph.parameters);
  require_same_tensors(file, "/momentum", graph.parameters);
  require_same_tensors(file, "/statistics", graph.statistics);
  Checkpoint checkpoint;
  TrainingState& state = checkpoint.state;
  state.step = static_cast<std::uint64_t>(file.integer_attribute("/", "step"));
  state.parameters = read_slices(file, "/parameters", graph.parameters, graph.parameter_count);
  state.momentum = read_slices(file, "/momentum", graph.parameters, graph.parameter_count);
  state.statistics = read_slices(file, "/statistics", graph.statistics, graph.statistic_count);
  if (file.exists("/average")) {
    require_same_tensors(file, "/average", graph.parameters);
    require_same_tensors(file, "/average_statistics", graph.statistics);
    state.average = read_slices(file, "/average", graph.parameters, graph.parameter_count);
    state.average_statistics =
        read_slices(file, "/average_statistics", graph.statistics, graph.statistic_count);
  }
  if (file.has_attribute("/", "seconds")) {
    state.seconds = std::get<double>(file.attribute("/", "seconds"));
  }
  state.training = read_training_history(file, "/history/train");
  state.validation = read_validation_history(file, "/history/validation");
  checkpoint.header.experiment = nlohmann::json::parse(file.string_attribute("/", "experiment"));
  checkpoint.header.provenance = nlohmann::json::parse(file.string_attribute("/", "provenance"));
  if (file.has_attribute("/", "class_names")) {
    checkpoint.header.class_names = file.strings_attribute("/", "class_names");
  }
  return checkpoint;
}

std::vector<CheckpointFile> list_checkpoints(const std::string& folder) {
  std::vector<CheckpointFile> files;
  if (!fs::is_directory(folder)) return files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (const auto step = step_in_name(entry.path().filename().string())) {
      files.push_back({*step, entry.path().string()});
    }
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.step > b.step; });
  return files;
}

std::optional<std::string> find_newest_checkpoint(const std::string& folder,
                                                  std::vector<std::string>& damaged) {
  for (const CheckpointFile& file : list_checkpoints(folder)) {
    try {
      check_checkpoint(file.path);
      return file.path;
    } catch (const std::runtime_error& error) {
      damaged.emplace_back(error.what());
    }
  }
  return std::nullopt;
}

}  // namespace resnext::worker
