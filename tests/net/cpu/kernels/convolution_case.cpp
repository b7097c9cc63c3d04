#include "tests/net/cpu/kernels/convolution_case.h"

#include <fmt/format.h>

namespace resnext::net::cpu {
namespace {

int draw(std::mt19937& random, int least, int most) {
  return least + static_cast<int>(random() % unsigned(most - least + 1));
}

std::vector<double> draw_values(std::mt19937& random, std::size_t count) {
  std::vector<double> values(count);
  for (double& value : values) value = draw(random, -15, 15) / 16.0;
  return values;
}

void draw_all_values(std::mt19937& random, ConvolutionCase& drawn) {
  const int k = drawn.node.window.kernel;
  const int inputs = drawn.input.channels / drawn.node.groups;
  drawn.x = draw_values(random, drawn.input_values());
  drawn.w = draw_values(random, std::size_t(drawn.node.output.channels) * inputs * k * k);
  drawn.dy = draw_values(random, drawn.output_values());
}

/// Calls body(input position, weight position, output position) for every product.
template <typename Body>
void for_each_product(const ConvolutionCase& c, const Body& body) {
  const Shape& in = c.input;
  const Shape& out = c.node.output;
  const Window& window = c.node.window;
  const int inputs = in.channels / c.node.groups, outputs = out.channels / c.node.groups;
  for (int n = 0; n < c.images; ++n) {
    for (int y = 0; y < out.height; ++y) {
      for (int x = 0; x < out.width; ++x) {
        for (int o = 0; o < out.channels; ++o) {
          for (int i = 0; i < inputs; ++i) {
            for (int k = 0; k < window.kernel; ++k) {
              for (int l = 0; l < window.kernel; ++l) {
                const int row = y * window.stride + k - window.padding;
                const int column = x * window.stride + l - window.padding;
                if (row < 0 || row >= in.height || column < 0 || column >= in.width) continue;
                const std::size_t from =
                    ((std::size_t(n) * in.height + row) * in.width + column) * in.channels +
                    o / outputs * inputs + i;
                const std::size_t weight =
                    ((std::size_t(o) * inputs + i) * window.kernel + k) * window.kernel + l;
                const std::size_t to =
                    ((std::size_t(n) * out.height + y) * out.width + x) * out.channels + o;
                body(from, weight, to);
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace

std::string ConvolutionCase::description() const {
  return fmt::format("{} images {}x{}x{} to {}x{}x{}, kernel {} stride {} padding {}, {} groups",
                     images, input.height, input.width, input.channels, node.output.height,
                     node.output.width, node.output.channels, node.window.kernel,
                     node.window.stride, node.window.padding, node.groups);
}

std::vector<double> ConvolutionCase::forward() const {
  std::vector<double> y(output_values());
  for_each_product(*this, [&](std::size_t from, std::size_t weight, std::size_t to) {
    y[to] += x[from] * w[weight];
  });
  return y;
}

std::vector<double> ConvolutionCase::input_gradient() const {
  std::vector<double> dx(input_values());
  for_each_product(*this, [&](std::size_t from, std::size_t weight, std::size_t to) {
    dx[from] += dy[to] * w[weight];
  });
  return dx;
}

std::vector<double> ConvolutionCase::weight_gradient() const {
  std::vector<double> dw(w.size());
  for_each_product(*this, [&](std::size_t from, std::size_t weight, std::size_t to) {
    dw[weight] += dy[to] * x[from];
  });
  return dw;
}

ConvolutionCase draw_convolution(std::mt19937& random) {
  ConvolutionCase drawn;
  const int kernels[] = {1, 3, 3, 3, 5, 7};
  Window& window = drawn.node.window;
  window.kernel = kernels[random() % std::size(kernels)];
  window.stride = draw(random, 1, 3);
  window.padding = random() % 4 == 0 ? 0 : window.kernel / 2;
  const int widths[] = {1, 2, 3, 4, 5, 8, 12, 14, 16, 17, 20, 24, 32, 40, 64};
  const int inputs = widths[random() % std::size(widths)];
  const int outputs = random() % 2 == 0 ? inputs : widths[random() % std::size(widths)];
  drawn.node.groups = random() % 3 == 0 ? 1 : 1 << draw(random, 0, 4);
  drawn.images = draw(random, 1, 3);
  const int least = std::max(1, window.kernel - 2 * window.padding);
  drawn.input = {inputs * drawn.node.groups, draw(random, least, 13), draw(random, least, 13)};
  const auto after = [&](int side) {
    return (side + 2 * window.padding - window.kernel) / window.stride + 1;
  };
  drawn.node.output = {outputs * drawn.node.groups, after(drawn.input.height),
                       after(drawn.input.width)};
  draw_all_values(random, drawn);
  return drawn;
}

ConvolutionCase draw_pointwise(std::mt19937& random) {
  ConvolutionCase drawn;
  drawn.node.window.stride = draw(random, 1, 2);
  drawn.images = draw(random, 1, 4);
  drawn.input = {draw(random, 1, 600), draw(random, 1, 12), draw(random, 1, 12)};
  const auto after = [&](int side) { return (side - 1) / drawn.node.window.stride + 1; };
  drawn.node.output = {draw(random, 1, 150), after(drawn.input.height), after(drawn.input.width)};
  draw_all_values(random, drawn);
  return drawn;
}

}  // namespace resnext::net::cpu
