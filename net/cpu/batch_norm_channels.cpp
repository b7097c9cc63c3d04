#include "net/cpu/batch_norm_channels.h"

#include <algorithm>
#include <cmath>

namespace resnext::net::cpu {

BatchNormChannels::BatchNormChannels(const Graph& graph, int node, const ChannelLayout& layout)
    : node_(node),
      layout_(layout),
      gamma_(graph.parameters[graph.nodes[node].parameters[0]]),
      beta_(graph.parameters[graph.nodes[node].parameters[1]]),
      running_mean_(graph.statistics[graph.nodes[node].statistics[0]]),
      running_variance_(graph.statistics[graph.nodes[node].statistics[1]]) {
  const std::size_t channels = layout.padded_channels();
  for (auto* partial : {&sums_, &squares_}) partial->resize(channels * layout.images);
  for (auto* constants :
       {&pivot_, &mean_, &inverse_deviation_, &scale_, &shift_, &slope_g_, &slope_x_, &offset_}) {
    constants->resize(channels);
  }
}

int BatchNormChannels::channels_in(int b) const {
  return std::min(layout_.block, layout_.channels - channel(b));
}

void BatchNormChannels::set_pivot(int b, const float* first_pixel) {
  std::copy_n(first_pixel, layout_.block, pivot_.begin() + channel(b));
}

void BatchNormChannels::finish_moments(int b, Run& run) {
  const double count = double(layout_.pixels) * layout_.images;
  for (int k = 0; k < channels_in(b); ++k) {
    const int c = channel(b) + k;
    double sum = 0, square = 0;
    for (int n = 0; n < layout_.images; ++n) {
      sum += partial_sum(n, b)[k];
      square += partial_square(n, b)[k];
    }
    const double shifted_mean = sum / count;
    const double mean = pivot_[c] + shifted_mean;
    const double variance = std::max(0.0, square / count - shifted_mean * shifted_mean);
    const double inverse = 1.0 / std::sqrt(variance + kBatchNormEpsilon);
    const double scale = run.parameters[gamma_.offset + c] * inverse;
    mean_[c] = static_cast<float>(mean);
    inverse_deviation_[c] = static_cast<float>(inverse);
    scale_[c] = static_cast<float>(scale);
    shift_[c] = static_cast<float>(run.parameters[beta_.offset + c] - mean * scale);
    if (run.moving_statistics.empty()) continue;
    const double unbiased = variance * count / std::max(1.0, count - 1.0);
    const auto move = [](float& running, double value) {
      running =
          static_cast<float>((1.0 - kBatchNormMomentum) * running + kBatchNormMomentum * value);
    };
    move(run.moving_statistics[running_mean_.offset + c], mean);
    move(run.moving_statistics[running_variance_.offset + c], unbiased);
  }
}

void BatchNormChannels::use_running_statistics(const Run& run) {
  for (int c = 0; c < layout_.channels; ++c) {
    const double mean = run.fixed_statistics[running_mean_.offset + c];
    const double variance = run.fixed_statistics[running_variance_.offset + c];
    const double scale =
        run.parameters[gamma_.offset + c] / std::sqrt(variance + kBatchNormEpsilon);
    scale_[c] = static_cast<float>(scale);
    shift_[c] = static_cast<float>(run.parameters[beta_.offset + c] - mean * scale);
  }
}

void BatchNormChannels::finish_gradient(int b, Run& run, std::span<const float> gradient_sums) {
  const double count = double(layout_.pixels) * layout_.images;
  for (int k = 0; k < channels_in(b); ++k) {
    const int c = channel(b) + k;
    double sum = 0, product = 0;
    for (int n = 0; n < layout_.images; ++n) {
      sum += gradient_sums[index(n, b) + k];
      product += partial_square(n, b)[k];
    }
    const double inverse = inverse_deviation_[c];
    const double gamma_gradient = product * inverse;
    run.gradients[gamma_.offset + c] = static_cast<float>(gamma_gradient);
    run.gradients[beta_.offset + c] = static_cast<float>(sum);
    const double slope_g = run.parameters[gamma_.offset + c] * inverse;
    const double slope_x = -slope_g * inverse * gamma_gradient / count;
    slope_g_[c] = static_cast<float>(slope_g);
    slope_x_[c] = static_cast<float>(slope_x);
    offset_[c] = static_cast<float>(-slope_g * sum / count - slope_x * mean_[c]);
  }
}

}  // namespace resnext::net::cpu
