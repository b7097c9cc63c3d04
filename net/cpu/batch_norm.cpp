#include "net/cpu/batch_norm.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace resnext::net::cpu {

BatchNorm::BatchNorm(const Graph& graph, int node, int threads)
    : node_(node),
      channels_(graph.nodes[node].output.channels),
      threads_(threads),
      stride_((std::size_t(channels_) + 2 * kVectorSlack) / kVectorSlack * kVectorSlack),
      gamma_(graph.parameters[graph.nodes[node].parameters[0]]),
      beta_(graph.parameters[graph.nodes[node].parameters[1]]),
      running_mean_(graph.statistics[graph.nodes[node].statistics[0]]),
      running_variance_(graph.statistics[graph.nodes[node].statistics[1]]),
      moments_(threads, channels_, 2),
      pixels_(threads),
      pivots_(stride_ * threads) {
  for (auto* constants :
       {&mean_, &inverse_deviation_, &scale_, &shift_, &slope_g_, &slope_x_, &offset_}) {
    constants->resize(stride_);
  }
}

void BatchNorm::finish_moments(Run& run) {
  const double pixels = double(std::accumulate(pixels_.begin(), pixels_.end(), std::size_t(0)));
  for (int c = 0; c < channels_; ++c) {
    // Threads' means and squared deviations are merged as Chan et al. (1979) do.
    double count = 0, mean = 0, squares = 0;
    for (int t = 0; t < threads_; ++t) {
      if (pixels_[t] == 0) continue;
      const double added = double(pixels_[t]);
      const double shifted = moments_.total(t, 0, c) / added;
      const double own_mean = pivot(t)[c] + shifted;
      const double own_squares = moments_.total(t, 1, c) - shifted * shifted * added;
      const double difference = own_mean - mean;
      const double both = count + added;
      squares += own_squares + difference * difference * count * added / both;
      mean += difference * added / both;
      count = both;
    }
    set_moments(c, mean, std::max(0.0, squares / pixels), pixels, run);
  }
}

void BatchNorm::set_moments(int c, double mean, double variance, double pixels, Run& run) {
  const double inverse = 1.0 / std::sqrt(variance + kBatchNormEpsilon);
  const double scale = run.parameters[gamma_.offset + c] * inverse;
  mean_[c] = static_cast<float>(mean);
  inverse_deviation_[c] = static_cast<float>(inverse);
  scale_[c] = static_cast<float>(scale);
  shift_[c] = static_cast<float>(run.parameters[beta_.offset + c] - mean * scale);
  if (run.moving_statistics.empty()) return;
  const double unbiased = variance * pixels / std::max(1.0, pixels - 1.0);
  const auto move = [](float& running, double value) {
    running = static_cast<float>((1.0 - kBatchNormMomentum) * running + kBatchNormMomentum * value);
  };
  move(run.moving_statistics[running_mean_.offset + c], mean);
  move(run.moving_statistics[running_variance_.offset + c], unbiased);
}

void BatchNorm::use_running_statistics(const Run& run) {
  for (int c = 0; c < channels_; ++c) {
    const double mean = run.fixed_statistics[running_mean_.offset + c];
    const double variance = run.fixed_statistics[running_variance_.offset + c];
    const double scale =
        run.parameters[gamma_.offset + c] / std::sqrt(variance + kBatchNormEpsilon);
    scale_[c] = static_cast<float>(scale);
    shift_[c] = static_cast<float>(run.parameters[beta_.offset + c] - mean * scale);
  }
}

void BatchNorm::finish_gradient(const ThreadSums& sums, int product, Run& run) {
  const double pixels = double(std::accumulate(pixels_.begin(), pixels_.end(), std::size_t(0)));
  for (int c = 0; c < channels_; ++c) {
    const double sum = sums.total(0, c);
    const double inverse = inverse_deviation_[c];
    const double gamma_gradient = sums.total(product, c) * inverse;
    run.gradients[gamma_.offset + c] = static_cast<float>(gamma_gradient);
    run.gradients[beta_.offset + c] = static_cast<float>(sum);
    const double slope_g = run.parameters[gamma_.offset + c] * inverse;
    const double slope_x = -slope_g * inverse * gamma_gradient / pixels;
    slope_g_[c] = static_cast<float>(slope_g);
    slope_x_[c] = static_cast<float>(slope_x);
    offset_[c] = static_cast<float>(-slope_g * sum / pixels - slope_x * mean_[c]);
  }
}

}  // namespace resnext::net::cpu
