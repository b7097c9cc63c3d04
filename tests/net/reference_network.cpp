#include "tests/net/reference_network.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace resnext::net {
namespace {

using Values = std::vector<double>;

/// Calls `body(output position, input position, ky, kx)` for every tap that falls inside the image.
template <typename Body>
void for_each_tap(const Shape& from, const Shape& to, const Window& window, const Body& body) {
  for (int y = 0; y < to.height; ++y) {
    for (int x = 0; x < to.width; ++x) {
      for (int ky = 0; ky < window.kernel; ++ky) {
        for (int kx = 0; kx < window.kernel; ++kx) {
          const int sy = y * window.stride + ky - window.padding;
          const int sx = x * window.stride + kx - window.padding;
          if (sy < 0 || sx < 0 || sy >= from.height || sx >= from.width) continue;
          body(y * to.width + x, sy * from.width + sx, ky, kx);
        }
      }
    }
  }
}

class Interpreter {
 public:
  Interpreter(const Graph& graph, const Batch& batch, std::span<const double> parameters,
              std::span<const double> statistics, bool training,
              const ReferenceRounding* rounding = nullptr)
      : graph_(graph),
        batch_(batch),
        parameters_(parameters),
        training_(training),
        rounding_(rounding) {
    pass_.statistics.assign(statistics.begin(), statistics.end());
    pass_.nearest_kink = std::numeric_limits<double>::infinity();
    for (const Node& node : graph.nodes)
      pass_.values.emplace_back(batch.size * node.output.count());
  }

  void forward(const Normalisation& normalisation) {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      Values& y = pass_.values[i];
      switch (node.op) {
        case Op::kInput:
          read_pixels(normalisation, y);
          break;
        case Op::kConvolution:
          convolve(node, y);
          break;
        case Op::kBatchNorm:
          normalise(node, y);
          break;
        case Op::kRelu:
          rectify(node, y);
          break;
        case Op::kAdd:
          sum(node, y);
          break;
        case Op::kConcatenation:
          concatenate(node, y);
          break;
        case Op::kZeroPadding:
          pad(node, y);
          break;
        case Op::kMaxPool:
          max_pool(node, y);
          break;
        case Op::kGlobalAveragePool:
          average(node, y);
          break;
        case Op::kLinear:
          multiply(node, y);
          break;
        case Op::kSoftmaxCrossEntropy:
          lose(node, y);
          break;
      }
      if (rounding_ != nullptr && rounding_->values[i]) round(y);
    }
  }

  void backward(double loss_scale) {
    pass_.gradients.assign(graph_.parameter_count, 0.0);
    for (const Values& values : pass_.values) gradients_.emplace_back(values.size(), 0.0);
    for (std::size_t i = graph_.nodes.size(); i-- > 0;) {
      const Node& node = graph_.nodes[i];
      Values& dy = gradients_[i];
      if (rounding_ != nullptr && rounding_->gradients[i]) round(dy);
      switch (node.op) {
        case Op::kInput:
          break;
        case Op::kConvolution:
          convolve_backward(node, dy);
          break;
        case Op::kBatchNorm:
          normalise_backward(node, dy);
          break;
        case Op::kRelu:
          rectify_backward(node, dy);
          break;
        case Op::kAdd:
          sum_backward(node, dy);
          break;
        case Op::kConcatenation:
          concatenate_backward(node, dy);
          break;
        case Op::kZeroPadding:
          pad_backward(node, dy);
          break;
        case Op::kMaxPool:
          max_pool_backward(node, dy);
          break;
        case Op::kGlobalAveragePool:
          average_backward(node, dy);
          break;
        case Op::kLinear:
          multiply_backward(node, dy);
          break;
        case Op::kSoftmaxCrossEntropy:
          lose_backward(node, loss_scale);
          break;
      }
    }
  }

  ReferencePass take() { return std::move(pass_); }

 private:
  void round(Values& values) const {
    for (double& value : values) value = rounding_->round(value);
  }
  const Values& x(const Node& node, int i = 0) const { return pass_.values[node.inputs[i]]; }
  Values& dx(const Node& node, int i = 0) { return gradients_[node.inputs[i]]; }
  const Shape& from(const Node& node) const { return graph_.nodes[node.inputs[0]].output; }
  const double* parameter(const Node& node, int i) const {
    return &parameters_[graph_.parameters[node.parameters[i]].offset];
  }
  double* gradient(const Node& node, int i) {
    return &pass_.gradients[graph_.parameters[node.parameters[i]].offset];
  }
  double* statistic(const Node& node, int i) {
    return &pass_.statistics[graph_.statistics[node.statistics[i]].offset];
  }
  /// First value of channel `c` of image `n`.
  static std::size_t plane(const Shape& shape, int n, int c) {
    return (std::size_t(n) * shape.channels + c) * shape.height * shape.width;
  }

  void read_pixels(const Normalisation& normalisation, Values& y) const {
    const Shape& shape = graph_.input;
    const int pixels = shape.height * shape.width;
    for (int n = 0; n < batch_.size; ++n) {
      for (int c = 0; c < shape.channels; ++c) {
        for (int p = 0; p < pixels; ++p) {
          const double pixel = batch_.pixels[(std::size_t(n) * pixels + p) * shape.channels + c];
          y[plane(shape, n, c) + p] =
              (pixel / 255.0 - normalisation.mean[c]) / normalisation.deviation[c];
        }
      }
    }
  }

  /// Calls `body(n, output channel, input channel, first weight of the pair)`.
  template <typename Body>
  void for_each_channel_pair(const Node& node, const Body& body) const {
    const int outputs = node.output.channels / node.groups;
    const int inputs = from(node).channels / node.groups;
    const int taps = node.window.kernel * node.window.kernel;
    for (int n = 0; n < batch_.size; ++n) {
      for (int o = 0; o < node.output.channels; ++o) {
        for (int i = 0; i < inputs; ++i) {
          body(n, o, o / outputs * inputs + i, (std::size_t(o) * inputs + i) * taps);
        }
      }
    }
  }

  void convolve(const Node& node, Values& y) const {
    const double* w = parameter(node, 0);
    for_each_channel_pair(node, [&](int n, int o, int i, std::size_t first) {
      const double* source = &x(node)[plane(from(node), n, i)];
      double* target = &y[plane(node.output, n, o)];
      for_each_tap(from(node), node.output, node.window, [&](int to, int at, int ky, int kx) {
        target[to] += source[at] * w[first + ky * node.window.kernel + kx];
      });
    });
  }

  void convolve_backward(const Node& node, const Values& dy) {
    const double* w = parameter(node, 0);
    double* dw = gradient(node, 0);
    for_each_channel_pair(node, [&](int n, int o, int i, std::size_t first) {
      const double* source = &x(node)[plane(from(node), n, i)];
      double* source_gradient = &dx(node)[plane(from(node), n, i)];
      const double* target_gradient = &dy[plane(node.output, n, o)];
      for_each_tap(from(node), node.output, node.window, [&](int to, int at, int ky, int kx) {
        const std::size_t tap = first + ky * node.window.kernel + kx;
        dw[tap] += target_gradient[to] * source[at];
        source_gradient[at] += target_gradient[to] * w[tap];
      });
    });
  }

  /// Calls `body(position)` for every value of channel `c`.
  template <typename Body>
  void for_each_in_channel(const Shape& shape, int c, const Body& body) const {
    for (int n = 0; n < batch_.size; ++n) {
      for (int p = 0; p < shape.height * shape.width; ++p) body(plane(shape, n, c) + p);
    }
  }

  struct Moments {
    double mean, variance;
  };
  Moments moments(const Node& node, int c) const {
    const double count = double(batch_.size) * node.output.height * node.output.width;
    double mean = 0, variance = 0;
    for_each_in_channel(node.output, c, [&](std::size_t i) { mean += x(node)[i] / count; });
    for_each_in_channel(node.output, c, [&](std::size_t i) {
      variance += (x(node)[i] - mean) * (x(node)[i] - mean) / count;
    });
    return {mean, variance};
  }

  void normalise(const Node& node, Values& y) {
    const double count = double(batch_.size) * node.output.height * node.output.width;
    for (int c = 0; c < node.output.channels; ++c) {
      double& running_mean = statistic(node, 0)[c];
      double& running_variance = statistic(node, 1)[c];
      Moments m{running_mean, running_variance};
      if (training_) {
        m = moments(node, c);
        running_mean = 0.9 * running_mean + 0.1 * m.mean;
        running_variance = 0.9 * running_variance + 0.1 * m.variance * count / (count - 1);
      }
      for_each_in_channel(node.output, c, [&](std::size_t i) {
        const double centred = (x(node)[i] - m.mean) / std::sqrt(m.variance + 1e-5);
        y[i] = parameter(node, 0)[c] * centred + parameter(node, 1)[c];
      });
    }
  }

  void normalise_backward(const Node& node, const Values& dy) {
    const double count = double(batch_.size) * node.output.height * node.output.width;
    for (int c = 0; c < node.output.channels; ++c) {
      const Moments m = moments(node, c);
      const double deviation = std::sqrt(m.variance + 1e-5);
      const double gamma = parameter(node, 0)[c];
      double mean_gradient = 0, variance_gradient = 0;
      for_each_in_channel(node.output, c, [&](std::size_t i) {
        const double centred = x(node)[i] - m.mean;
        gradient(node, 0)[c] += dy[i] * centred / deviation;
        gradient(node, 1)[c] += dy[i];
        mean_gradient -= dy[i] * gamma / deviation;
        variance_gradient -= dy[i] * gamma * centred / (2 * deviation * deviation * deviation);
      });
      for_each_in_channel(node.output, c, [&](std::size_t i) {
        dx(node)[i] += dy[i] * gamma / deviation + mean_gradient / count +
                       variance_gradient * 2 * (x(node)[i] - m.mean) / count;
      });
    }
  }

  void rectify(const Node& node, Values& y) {
    for (std::size_t i = 0; i < y.size(); ++i) {
      y[i] = std::max(0.0, x(node)[i]);
      // A ReLU of a ReLU sees exact zeros, on which all precisions agree.
      if (x(node)[i] != 0) approach_kink(std::abs(x(node)[i]));
    }
  }

  void rectify_backward(const Node& node, const Values& dy) {
    for (std::size_t i = 0; i < dy.size(); ++i) {
      if (x(node)[i] > 0) dx(node)[i] += dy[i];
    }
  }

  void sum(const Node& node, Values& y) const {
    for (std::size_t i = 0; i < y.size(); ++i) y[i] = x(node, 0)[i] + x(node, 1)[i];
  }

  void sum_backward(const Node& node, const Values& dy) {
    for (std::size_t i = 0; i < dy.size(); ++i) {
      dx(node, 0)[i] += dy[i];
      dx(node, 1)[i] += dy[i];
    }
  }

  /// Calls `body(which input, position there, position in the output)` for every value.
  template <typename Body>
  void for_each_concatenated(const Node& node, const Body& body) const {
    for (int n = 0; n < batch_.size; ++n) {
      std::size_t to = plane(node.output, n, 0);
      for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const std::size_t count = graph_.nodes[node.inputs[i]].output.count();
        for (std::size_t v = 0; v < count; ++v) body(int(i), n * count + v, to++);
      }
    }
  }

  void concatenate(const Node& node, Values& y) const {
    for_each_concatenated(node,
                          [&](int i, std::size_t at, std::size_t to) { y[to] = x(node, i)[at]; });
  }

  void concatenate_backward(const Node& node, const Values& dy) {
    for_each_concatenated(
        node, [&](int i, std::size_t at, std::size_t to) { dx(node, i)[at] += dy[to]; });
  }

  /// Calls `body(input position, output position)` for every value that is not padding.
  template <typename Body>
  void for_each_padded(const Node& node, const Body& body) const {
    const Window window{.kernel = 1, .stride = node.window.stride, .padding = 0};
    for (int n = 0; n < batch_.size; ++n) {
      for (int c = 0; c < from(node).channels; ++c) {
        for_each_tap(from(node), node.output, window, [&](int to, int at, int, int) {
          body(plane(from(node), n, c) + at, plane(node.output, n, c) + to);
        });
      }
    }
  }

  void pad(const Node& node, Values& y) const {
    for_each_padded(node, [&](std::size_t at, std::size_t to) { y[to] = x(node)[at]; });
  }

  void pad_backward(const Node& node, const Values& dy) {
    for_each_padded(node, [&](std::size_t at, std::size_t to) { dx(node)[at] += dy[to]; });
  }

  /// By output position: where the first largest value of each window lies in the input plane.
  std::vector<int> largest(const Node& node, const double* source) {
    std::vector<int> at(std::size_t(node.output.height) * node.output.width, -1);
    Values second(at.size(), -std::numeric_limits<double>::infinity());
    for_each_tap(from(node), node.output, node.window, [&](int to, int position, int, int) {
      if (at[to] < 0) {
        at[to] = position;
      } else if (source[position] > source[at[to]]) {
        second[to] = source[at[to]];
        at[to] = position;
      } else {
        second[to] = std::max(second[to], source[position]);
      }
    });
    for (std::size_t to = 0; to < at.size(); ++to) {
      const double gap = source[at[to]] - second[to];
      // Zeros behind a ReLU tie exactly, and pass no gradient whoever wins.
      if (source[at[to]] != 0) approach_kink(gap);
    }
    return at;
  }

  void max_pool(const Node& node, Values& y) {
    for_each_plane(node, [&](std::size_t source, std::size_t target) {
      const std::vector<int> at = largest(node, &x(node)[source]);
      for (std::size_t i = 0; i < at.size(); ++i) y[target + i] = x(node)[source + at[i]];
    });
  }

  void max_pool_backward(const Node& node, const Values& dy) {
    for_each_plane(node, [&](std::size_t source, std::size_t target) {
      const std::vector<int> at = largest(node, &x(node)[source]);
      for (std::size_t i = 0; i < at.size(); ++i) dx(node)[source + at[i]] += dy[target + i];
    });
  }

  /// Calls `body(first input value, first output value)` for every channel of every image.
  template <typename Body>
  void for_each_plane(const Node& node, const Body& body) const {
    for (int n = 0; n < batch_.size; ++n) {
      for (int c = 0; c < node.output.channels; ++c) {
        body(plane(from(node), n, c), plane(node.output, n, c));
      }
    }
  }

  /// The mean over all positions of a small window of the mean within it: calls
  /// `body(input position, weight)`.
  template <typename Body>
  void for_each_averaged(const Node& node, const Body& body) const {
    const Shape& shape = from(node);
    const auto extent = [&](int side) {
      return node.window.kernel > 0 ? std::min(node.window.kernel, side) : side;
    };
    const int rows = extent(shape.height), columns = extent(shape.width);
    const int positions = (shape.height - rows + 1) * (shape.width - columns + 1);
    for (int top = 0; top + rows <= shape.height; ++top) {
      for (int left = 0; left + columns <= shape.width; ++left) {
        for (int y = top; y < top + rows; ++y) {
          for (int x = left; x < left + columns; ++x) {
            body(y * shape.width + x, 1.0 / (double(rows) * columns * positions));
          }
        }
      }
    }
  }

  void average(const Node& node, Values& y) const {
    for_each_plane(node, [&](std::size_t source, std::size_t target) {
      for_each_averaged(node,
                        [&](int p, double weight) { y[target] += x(node)[source + p] * weight; });
    });
  }

  void average_backward(const Node& node, const Values& dy) {
    for_each_plane(node, [&](std::size_t source, std::size_t target) {
      for_each_averaged(node,
                        [&](int p, double weight) { dx(node)[source + p] += dy[target] * weight; });
    });
  }

  void multiply(const Node& node, Values& y) const {
    const std::size_t features = from(node).count(), classes = node.output.count();
    for (int n = 0; n < batch_.size; ++n) {
      for (std::size_t k = 0; k < classes; ++k) {
        double& target = y[n * classes + k];
        target = parameter(node, 1)[k];
        for (std::size_t f = 0; f < features; ++f) {
          target += x(node)[n * features + f] * parameter(node, 0)[k * features + f];
        }
      }
    }
  }

  void multiply_backward(const Node& node, const Values& dy) {
    const std::size_t features = from(node).count(), classes = node.output.count();
    for (int n = 0; n < batch_.size; ++n) {
      for (std::size_t k = 0; k < classes; ++k) {
        const double g = dy[n * classes + k];
        gradient(node, 1)[k] += g;
        for (std::size_t f = 0; f < features; ++f) {
          gradient(node, 0)[k * features + f] += g * x(node)[n * features + f];
          dx(node)[n * features + f] += g * parameter(node, 0)[k * features + f];
        }
      }
    }
  }

  double log_sum_exp(const double* logits, std::size_t classes) const {
    const double top = *std::max_element(logits, logits + classes);
    double total = 0;
    for (std::size_t k = 0; k < classes; ++k) total += std::exp(logits[k] - top);
    return top + std::log(total);
  }

  /// The target distribution: smoothed in training only.
  double target(const Node& node, int n, std::size_t k) const {
    const double smoothing = training_ ? double(node.label_smoothing) : 0.0;
    const double uniform = smoothing / double(from(node).count());
    return uniform + (std::size_t(batch_.labels[n]) == k ? 1.0 - smoothing : 0.0);
  }

  void lose(const Node& node, Values& y) {
    const std::size_t classes = from(node).count();
    for (int n = 0; n < batch_.size; ++n) {
      const double* logits = &x(node)[n * classes];
      for (std::size_t k = 0; k < classes; ++k) {
        y[n] += target(node, n, k) * (log_sum_exp(logits, classes) - logits[k]);
      }
      pass_.loss_sum += y[n];
    }
  }

  void lose_backward(const Node& node, double loss_scale) {
    const std::size_t classes = from(node).count();
    for (int n = 0; n < batch_.size; ++n) {
      const double* logits = &x(node)[n * classes];
      const double total = log_sum_exp(logits, classes);
      for (std::size_t k = 0; k < classes; ++k) {
        dx(node)[n * classes + k] +=
            loss_scale * (std::exp(logits[k] - total) - target(node, n, k));
      }
    }
  }

  void approach_kink(double distance) {
    pass_.nearest_kink = std::min(pass_.nearest_kink, distance);
  }

  const Graph& graph_;
  const Batch& batch_;
  std::span<const double> parameters_;
  bool training_;
  const ReferenceRounding* rounding_;
  ReferencePass pass_;
  std::vector<Values> gradients_;  ///< by node
};

}  // namespace

ReferencePass reference_training(const Graph& graph, const Normalisation& normalisation,
                                 const Batch& batch, std::span<const double> parameters,
                                 std::span<const double> statistics, double loss_scale,
                                 const ReferenceRounding* rounding) {
  Interpreter interpreter(graph, batch, parameters, statistics, true, rounding);
  interpreter.forward(normalisation);
  interpreter.backward(loss_scale);
  return interpreter.take();
}

ReferencePass reference_inference(const Graph& graph, const Normalisation& normalisation,
                                  const Batch& batch, std::span<const double> parameters,
                                  std::span<const double> statistics) {
  Interpreter interpreter(graph, batch, parameters, statistics, false);
  interpreter.forward(normalisation);
  return interpreter.take();
}

}  // namespace resnext::net
