#include "worker/history_datasets.h"

#include <stdexcept>

#include <fmt/format.h>

namespace resnext::worker {
namespace {

using data::hdf5::File;

/// Calls visit(name, unit, values) for every series.
template <typename History, typename Visit>
void for_each_training_series(History& history, const Visit& visit) {
  visit("step", "steps", history.step);
  visit("epoch", "epochs", history.epoch);
  visit("loss", "nats", history.loss);
  visit("top1_error", "percent", history.top1_error);
  visit("learning_rate", "1", history.learning_rate);
  visit("images_per_second", "images/s", history.images_per_second);
  visit("data_wait", "1", history.data_wait);
}

template <typename History, typename Visit>
void for_each_validation_series(History& history, const Visit& visit) {
  visit("step", "steps", history.step);
  visit("epoch", "epochs", history.epoch);
  visit("loss", "nats", history.loss);
  visit("top1_error", "percent", history.top1_error);
  visit("top5_error", "percent", history.top5_error);
}

template <typename History, typename Visit>
void for_each_restricted_series(History& history, const Visit& visit) {
  visit("restricted_top1_error", "percent", history.restricted_top1_error);
  visit("restricted_top5_error", "percent", history.restricted_top5_error);
}

/// A visitor that writes each series into `group`.
auto writer(File& file, const std::string& group, std::size_t rows) {
  return [&file, group, rows]<typename T>(const std::string& name, const std::string& unit,
                                          const std::vector<T>& values) {
    const std::string object = group + "/" + name;
    if (values.size() != rows) {
      throw std::logic_error(
          fmt::format("{}: {} values for {} steps", object, values.size(), rows));
    }
    file.write<T>(object, values, {rows});
    file.set_attribute(object, "unit", unit);
  };
}

/// A visitor that fills each series from `group`.
auto reader(const File& file, const std::string& group) {
  const std::uint64_t rows = file.dataset(group + "/step").dimensions().at(0);
  return [&file, group, rows]<typename T>(const std::string& name, const std::string&,
                                          std::vector<T>& values) {
    const std::string object = group + "/" + name;
    values = file.read<T>(object);
    if (values.size() != rows) {
      throw std::runtime_error(
          fmt::format("{}:{}: {} values for {} steps", file.name(), object, values.size(), rows));
    }
  };
}

}  // namespace

void write_history(File& file, const std::string& group, const TrainingHistory& history) {
  const auto write = writer(file, group, history.step.size());
  for_each_training_series(history, write);
  if (!history.gradient_norm.empty()) write("gradient_norm", "1", history.gradient_norm);
}

void write_history(File& file, const std::string& group, const ValidationHistory& history) {
  const auto write = writer(file, group, history.step.size());
  for_each_validation_series(history, write);
  if (!history.restricted_top1_error.empty()) for_each_restricted_series(history, write);
}

TrainingHistory read_training_history(const File& file, const std::string& group) {
  TrainingHistory history;
  const auto read = reader(file, group);
  for_each_training_series(history, read);
  if (file.exists(group + "/gradient_norm")) read("gradient_norm", "1", history.gradient_norm);
  return history;
}

ValidationHistory read_validation_history(const File& file, const std::string& group) {
  ValidationHistory history;
  const auto read = reader(file, group);
  for_each_validation_series(history, read);
  if (file.exists(group + "/restricted_top1_error")) for_each_restricted_series(history, read);
  return history;
}

}  // namespace resnext::worker
