#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include "data/durable_file.h"
#include "worker/checkpoint.h"

namespace resnext::worker {
namespace {

namespace fs = std::filesystem;

/// What a write that was killed has left.
void remove_stale_temporaries(const std::string& folder) {
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("checkpoint-") && name.ends_with(data::kPartialSuffix))
      fs::remove(entry.path());
  }
}

/// Removes all but the newest `keep` of the checkpoints up to `step`.
void remove_old(const std::string& folder, std::uint64_t step, int keep) {
  int kept = 0;
  for (const CheckpointFile& file : list_checkpoints(folder)) {
    if (file.step <= step && ++kept > keep) fs::remove(file.path);
  }
}

TrainingState write_now(const std::string& folder, int keep, const net::Graph& graph,
                        TrainingState state, const CheckpointHeader& header,
                        const std::function<void(const TrainingState&)>& afterwards) {
  const fs::path path = fs::path(folder) / fmt::format("checkpoint-{:08}.h5", state.step);
  data::replace_file(path.string(), encode_checkpoint(graph, state, header));
  remove_old(folder, state.step, keep);
  if (afterwards) afterwards(state);
  return state;
}

}  // namespace

CheckpointWriter::CheckpointWriter(std::string folder, int keep)
    : folder_(std::move(folder)), keep_(keep) {
  if (keep < 1) throw std::invalid_argument("checkpoints: at least one must be kept");
  try {
    fs::create_directories(folder_);
    data::check_folder_writable(folder_);
    remove_stale_temporaries(folder_);
  } catch (const std::runtime_error& error) {  // fs::filesystem_error is one
    throw std::runtime_error(fmt::format("checkpoint folder '{}': {}", folder_, error.what()));
  }
}

CheckpointWriter::~CheckpointWriter() {
  if (pending_.valid()) pending_.wait();
}

void CheckpointWriter::write(const net::Graph& graph, TrainingState state, CheckpointHeader header,
                             std::function<void(const TrainingState&)> afterwards) {
  wait();
  pending_ = std::async(std::launch::async, write_now, folder_, keep_, graph, std::move(state),
                        std::move(header), std::move(afterwards));
}

void CheckpointWriter::check() {
  if (pending_.valid() && pending_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    spare_ = pending_.get();
  }
}

void CheckpointWriter::wait() {
  if (pending_.valid()) spare_ = pending_.get();
}

std::vector<float> CheckpointWriter::take_spare_momentum() {
  wait();
  return std::exchange(spare_.momentum, {});
}

TrainingState CheckpointWriter::take_spare() {
  wait();
  return std::exchange(spare_, {});
}

}  // namespace resnext::worker
