#include "worker/evaluator.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>

#include <fmt/format.h>

#include "data/loader.h"

namespace resnext::worker {

Evaluator::Evaluator(const Options& options, data::ImageSource& source,
                     const Communicator& communicator)
    : options_(options),
      source_(source),
      communicator_(communicator),
      transform_(data::make_test_transform(options.image_size, {options.mean, options.deviation})) {
}

ValidationResult Evaluator::evaluate(net::Engine& engine, std::span<const float> statistics) {
  return evaluate_until(engine, statistics, [] { return false; }).value();
}

std::optional<ValidationResult> Evaluator::evaluate(net::Engine& engine,
                                                    std::span<const float> statistics,
                                                    const StopSignal& stop) {
  return evaluate_until(engine, statistics, [&] { return stop.received() != 0; });
}

std::optional<ValidationResult> Evaluator::evaluate_until(net::Engine& engine,
                                                          std::span<const float> statistics,
                                                          const std::function<bool()>& stopped) {
  const std::size_t size = source_.info().size;
  const std::size_t batch = static_cast<std::size_t>(options_.batch_per_replica);
  const std::size_t batches = (size + batch - 1) / batch;
  const std::size_t ranks = static_cast<std::size_t>(communicator_.size());

  std::size_t next = static_cast<std::size_t>(communicator_.rank());
  data::Loader::Options loading;
  loading.size = options_.image_size;
  loading.channels = source_.info().channels;
  loading.decode_threads = options_.decode_threads;
  data::Loader loader(
      source_, *transform_,
      [=]() mutable -> std::optional<data::BatchRequest> {
        if (next >= batches) return std::nullopt;
        data::BatchRequest request;
        request.samples.resize(std::min(batch, size - next * batch));
        std::iota(request.samples.begin(), request.samples.end(),
                  static_cast<std::uint32_t>(next * batch));
        next += ranks;
        return request;
      },
      loading);

  // Each batch's loss is computed by one rank and is zero on the others, so the sum is exact.
  std::vector<double> losses(batches, 0.0);
  std::array<std::int64_t, 3> counts{};
  std::size_t index = static_cast<std::size_t>(communicator_.rank());
  std::optional<std::string> failure;
  try {
    for (const data::LoadedBatch* loaded = nullptr;
         !stopped() && (loaded = loader.next()) != nullptr;) {
      const net::Batch input{
          static_cast<int>(loaded->labels.size()), {}, loaded->labels, loaded->values};
      const net::BatchMetrics metrics = engine.evaluate(input, statistics, {});
      losses[index] = metrics.loss_sum;
      counts[0] += metrics.images;
      counts[1] += metrics.top1_correct;
      counts[2] += metrics.top5_correct;
      index += ranks;
    }
  } catch (const std::exception& error) {
    failure = error.what();
  }
  communicator_.fail_together(failure);
  // One that received the signal only after its last batch may as well say so: all agree.
  if (communicator_.maximum(stopped() ? 1 : 0) != 0) return std::nullopt;
  communicator_.sum(losses);
  communicator_.sum(counts);
  if (counts[0] != static_cast<std::int64_t>(size)) {
    throw std::logic_error(fmt::format("evaluated {} of {} validation images", counts[0], size));
  }
  const double images = double(size);
  return ValidationResult{counts[0], std::accumulate(losses.begin(), losses.end(), 0.0) / images,
                          100 * (1 - double(counts[1]) / images),
                          100 * (1 - double(counts[2]) / images)};
}

}  // namespace resnext::worker
