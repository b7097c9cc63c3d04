#include "worker/evaluation/evaluator.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "worker/evaluation/view_loader.h"
#include "worker/evaluation/view_scores.h"

namespace resnext::worker {

Evaluator::Evaluator(const Setup& setup, const Communicator& communicator)
    : setup_(setup),
      communicator_(communicator),
      views_(setup.options.protocol, {setup.options.mean, setup.options.deviation}) {}

ValidationResult Evaluator::evaluate(net::Engine& engine, std::span<const float> statistics) {
  return evaluate_until(engine, statistics, [] { return false; }).value();
}

std::optional<ValidationResult> Evaluator::evaluate(net::Engine& engine,
                                                    std::span<const float> statistics,
                                                    const StopSignal& stop) {
  return evaluate_until(engine, statistics, [&] { return stop.received() != 0; });
}

void Evaluator::evaluate_own_batches(net::Engine& engine, std::span<const float> statistics,
                                     const std::function<bool()>& stopped,
                                     std::span<ErrorCounts> batches) const {
  const std::size_t size = setup_.validation->info().size;
  const auto batch = static_cast<std::size_t>(setup_.options.batch_per_replica);
  const auto first = static_cast<std::size_t>(communicator_.rank());
  const auto ranks = static_cast<std::size_t>(communicator_.size());
  std::vector<std::uint32_t> samples;
  for (std::size_t b = first; b < batches.size(); b += ranks)
    for (std::size_t i = b * batch; i < std::min(size, (b + 1) * batch); ++i)
      samples.push_back(static_cast<std::uint32_t>(i));
  ViewLoader::Options loading;
  loading.threads = setup_.options.decode_threads;
  loading.ahead = 1 + std::max(loading.threads, 2 * static_cast<int>(batch) / views_.count());
  ViewLoader loader(*setup_.validation, views_, std::move(samples), loading);

  const std::size_t classes = setup_.graph.classes;
  ViewScores scores({{&engine, statistics}}, setup_.graph.classes, static_cast<int>(batch),
                    setup_.graph.input, setup_.options.protocol.average);
  std::vector<std::int32_t> labels;
  for (std::size_t b = first; b < batches.size(); b += ranks) {
    labels.clear();
    for (std::size_t i = b * batch; i < std::min(size, (b + 1) * batch); ++i) {
      if (stopped()) return;
      const ImageViews& image = *loader.next();
      scores.add(image.views);
      labels.push_back(image.label);
    }
    const std::span<const float> rows = scores.take();
    for (std::size_t i = 0; i < labels.size(); ++i)
      count_image(rows.subspan(i * classes, classes), setup_.validation_classes, labels[i],
                  batches[b]);
  }
}

std::optional<ValidationResult> Evaluator::evaluate_until(net::Engine& engine,
                                                          std::span<const float> statistics,
                                                          const std::function<bool()>& stopped) {
  const std::size_t size = setup_.validation->info().size;
  const auto batch = static_cast<std::size_t>(setup_.options.batch_per_replica);
  std::vector<ErrorCounts> batches((size + batch - 1) / batch);
  std::optional<std::string> failure;
  const auto start = std::chrono::steady_clock::now();
  try {
    evaluate_own_batches(engine, statistics, stopped, batches);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  communicator_.fail_together(failure);
  // One that received the signal only after its last batch may as well say so: all agree.
  if (communicator_.maximum(stopped() ? 1 : 0) != 0) return std::nullopt;
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;

  // Each batch's loss is computed by one rank and is zero on the others, so the sum is exact.
  std::vector<double> losses;
  std::array<std::int64_t, 5> sums{};
  for (const ErrorCounts& counts : batches) {
    losses.push_back(counts.loss_sum);
    sums[0] += counts.images;
    sums[1] += counts.top1_correct;
    sums[2] += counts.top5_correct;
    sums[3] += counts.restricted_top1_correct;
    sums[4] += counts.restricted_top5_correct;
  }
  communicator_.sum(losses);
  communicator_.sum(sums);
  ErrorCounts total{0, sums[0], sums[1], sums[2], sums[3], sums[4]};
  for (const double loss : losses) total.loss_sum += loss;
  if (total.images != static_cast<std::int64_t>(size)) {
    throw std::logic_error(fmt::format("evaluated {} of {} validation images", total.images, size));
  }
  ValidationResult result = to_result(total, setup_.validation_classes);
  result.seconds = taken.count();
  return result;
}

}  // namespace resnext::worker
