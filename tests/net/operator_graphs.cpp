// The graphs that the engine is compared with the reference on.

#include <random>

#include <fmt/format.h>

#include "tests/net/hand_built_graph.h"

namespace resnext::net {
namespace {

constexpr Window kPointwise{};
constexpr Window k3x3{.kernel = 3, .stride = 1, .padding = 1};
constexpr int kClasses = 7;  // more than five, so that top-5 says something

/// A stem, so that the node under test has to give its input a gradient.
int stem(HandBuiltGraph& net, int channels) {
  return net.convolution(net.input(), channels, k3x3);
}

Graph finish(HandBuiltGraph& net, int last) {
  net.loss(net.linear(last, kClasses));
  return net.graph();
}

NamedGraph convolution(int inputs, int outputs, int kernel, int stride, int groups) {
  HandBuiltGraph net({3, 9, 8});
  const Window window{.kernel = kernel, .stride = stride, .padding = kernel / 2};
  const int last = net.convolution(stem(net, inputs), outputs, window, groups);
  return {fmt::format("Convolution{}to{}Kernel{}Stride{}Groups{}", inputs, outputs, kernel, stride,
                      groups),
          finish(net, last)};
}

void add_convolutions(std::vector<NamedGraph>& graphs) {
  for (const int kernel : {1, 3, 7}) {
    for (const int stride : {1, 2}) {
      graphs.push_back(convolution(8, 12, kernel, stride, 1));
      graphs.push_back(convolution(5, 7, kernel, stride, 1));
      graphs.push_back(convolution(16, 32, kernel, stride, 1));
    }
  }
  const struct {
    int groups, width;
  } grouped[] = {{32, 1}, {4, 1},  {16, 2}, {3, 2},  {8, 4},  {32, 4}, {4, 5}, {16, 5},
                 {4, 8},  {8, 14}, {2, 14}, {2, 16}, {2, 24}, {4, 24}, {2, 40}};
  for (const auto [groups, width] : grouped) {
    for (const int stride : {1, 2}) {
      graphs.push_back(convolution(groups * width, groups * width, 3, stride, groups));
    }
  }
  graphs.push_back(convolution(16, 24, 3, 1, 4));  // more outputs than inputs in each group
  graphs.push_back(convolution(32, 32, 1, 2, 8));  // grouped 1x1
  graphs.push_back(convolution(12, 12, 7, 1, 3));
}

/// What `body` makes of a stem of `channels` channels.
template <typename Body>
void add_body(std::vector<NamedGraph>& graphs, const std::string& name, const Body& body) {
  for (const int channels : {5, 16, 24}) {
    HandBuiltGraph net({2, 6, 7});
    const int last = body(net, stem(net, channels));
    graphs.push_back({fmt::format("{}Of{}", name, channels), finish(net, last)});
  }
}

void add_norms_and_residuals(std::vector<NamedGraph>& graphs) {
  using Net = HandBuiltGraph;
  const auto conv = [](Net& n, int x) { return n.convolution(x, n.shape(x).channels, kPointwise); };
  add_body(graphs, "BatchNorm", [](Net& n, int x) { return n.batch_norm(x); });
  add_body(graphs, "Relu", [](Net& n, int x) { return n.relu(x); });
  add_body(graphs, "AddOfTwo", [&](Net& n, int x) { return n.add(conv(n, x), x); });
  add_body(graphs, "AddToItself", [](Net& n, int x) { return n.add(x, x); });
  add_body(graphs, "AddToItselfRelu", [](Net& n, int x) { return n.relu(n.add(x, x)); });
  add_body(graphs, "BatchNormRelu", [](Net& n, int x) { return n.relu(n.batch_norm(x)); });
  add_body(graphs, "BatchNormTwice",
           [](Net& n, int x) { return n.batch_norm(n.relu(n.batch_norm(x))); });
  add_body(graphs, "BatchNormAddIdentity",
           [&](Net& n, int x) { return n.add(n.batch_norm(conv(n, x)), x); });
  add_body(graphs, "BatchNormAddIdentityRelu",
           [&](Net& n, int x) { return n.relu(n.add(x, n.batch_norm(conv(n, x)))); });
  add_body(graphs, "BatchNormAddProjection", [&](Net& n, int x) {
    return n.add(n.batch_norm(conv(n, x)), n.batch_norm(conv(n, x)));
  });
  add_body(graphs, "BatchNormAddProjectionRelu", [&](Net& n, int x) {
    return n.relu(n.add(n.batch_norm(conv(n, x)), n.batch_norm(conv(n, x))));
  });
  add_body(graphs, "TwoNormsOfOneConvolution",
           [](Net& n, int x) { return n.relu(n.add(n.batch_norm(x), n.batch_norm(x))); });
  add_body(graphs, "NormAndItsSource",
           [](Net& n, int x) { return n.relu(n.add(n.batch_norm(x), x)); });
  add_body(graphs, "NormAddedTwice", [](Net& n, int x) {
    const int norm = n.batch_norm(x);
    return n.add(norm, norm);
  });
  add_body(graphs, "NormReadTwice", [&](Net& n, int x) {
    const int norm = n.batch_norm(x);
    return n.add(n.relu(norm), conv(n, norm));
  });
  add_body(graphs, "SumReadTwice", [&](Net& n, int x) {
    const int sum = n.add(conv(n, x), x);
    return n.add(n.relu(sum), sum);
  });
  add_body(graphs, "ReadByThree", [&](Net& n, int x) {
    const int shared = n.relu(n.batch_norm(x));
    return n.add(n.add(conv(n, shared), conv(n, shared)), shared);
  });
  add_body(graphs, "ConvolutionReadByThree",
           [&](Net& n, int x) { return n.add(n.add(conv(n, x), n.relu(x)), n.batch_norm(x)); });
  add_body(graphs, "PreActivation", [&](Net& n, int x) {
    const int y = n.add(conv(n, n.relu(n.batch_norm(x))), x);
    return n.relu(n.batch_norm(n.add(conv(n, n.relu(n.batch_norm(y))), y)));
  });
  add_body(graphs, "MixedLayouts", [](Net& n, int x) {  // blocks of 16 meet odd channels
    const int channels = n.shape(x).channels;
    const int wide = n.convolution(n.relu(n.convolution(x, 32, kPointwise)), channels, k3x3);
    const int odd = n.convolution(n.relu(n.convolution(x, 3, kPointwise)), channels, kPointwise);
    return n.relu(n.add(n.batch_norm(wide), n.batch_norm(odd)));
  });
}

void add_shortcuts_and_paths(std::vector<NamedGraph>& graphs) {
  using Net = HandBuiltGraph;
  for (const int stride : {1, 2, 3}) {
    add_body(graphs, fmt::format("ZeroPaddingStride{}", stride),
             [=](Net& n, int x) { return n.zero_padding(x, n.shape(x).channels + 11, stride); });
  }
  add_body(graphs, "ZeroPaddingAddedToNorm", [](Net& n, int x) {
    const int wide =
        n.convolution(x, 2 * n.shape(x).channels, {.kernel = 3, .stride = 2, .padding = 1});
    return n.relu(n.add(n.batch_norm(wide), n.zero_padding(x, 2 * n.shape(x).channels, 2)));
  });
  add_body(graphs, "Concatenation", [](Net& n, int x) {
    const int five = n.relu(n.convolution(x, 5, kPointwise));
    return n.concatenation({five, n.convolution(x, 16, k3x3), x});
  });
  add_body(graphs, "ConcatenationWithItself", [](Net& n, int x) {
    return n.convolution(n.concatenation({x, x}), 8, kPointwise);
  });
  add_body(graphs, "SumOfPaths", [](Net& n, int x) {
    int sum = n.convolution(x, 24, kPointwise);
    for (int path = 0; path < 3; ++path) sum = n.add(sum, n.convolution(n.relu(x), 24, kPointwise));
    return n.relu(n.batch_norm(sum));
  });
}

void add_pools_and_heads(std::vector<NamedGraph>& graphs) {
  using Net = HandBuiltGraph;
  const Window overlapping{.kernel = 3, .stride = 2, .padding = 1};
  const Window apart{.kernel = 2, .stride = 2, .padding = 0};
  // Straight after a convolution values are negative too: padding must not win.
  add_body(graphs, "MaxPool3", [=](Net& n, int x) { return n.max_pool(x, overlapping); });
  add_body(graphs, "MaxPool2", [=](Net& n, int x) { return n.max_pool(x, apart); });
  add_body(graphs, "MaxPoolOfNormAndShared", [=](Net& n, int x) {
    const int pooled = n.max_pool(n.relu(n.batch_norm(x)), overlapping);
    return n.add(n.convolution(pooled, n.shape(pooled).channels, k3x3), pooled);
  });
  add_body(graphs, "GlobalAveragePool", [](Net& n, int x) { return n.global_average_pool(x); });
  for (const int window : {1, 2, 3, 6, 7}) {  // on 6 x 7 pixels
    add_body(graphs, fmt::format("AveragesOf{}", window),
             [=](Net& n, int x) { return n.global_average_pool(x, window); });
  }
  add_body(graphs, "GlobalAveragePoolOfRelu",
           [](Net& n, int x) { return n.global_average_pool(n.relu(x)); });

  Net smoothed({2, 6, 7});
  smoothed.loss(smoothed.linear(stem(smoothed, 5), kClasses), 0.1F);
  graphs.push_back({"LabelSmoothing", smoothed.graph()});

  Net pooled_logits({2, 6, 7});
  pooled_logits.loss(pooled_logits.global_average_pool(stem(pooled_logits, kClasses)));
  graphs.push_back({"LossOfPooledConvolution", pooled_logits.graph()});

  for (const int classes : {16, 20}) {  // a whole block of channels, and one with padding
    Net fully_convolutional({2, 6, 6});
    const Window whole_image{.kernel = 6, .stride = 1, .padding = 0};
    const int relu = fully_convolutional.relu(stem(fully_convolutional, 16));
    fully_convolutional.loss(fully_convolutional.convolution(relu, classes, whole_image));
    graphs.push_back({fmt::format("ConvolutionTo{}Classes", classes), fully_convolutional.graph()});
  }

  Net two({2, 6, 7});
  const int trunk = two.relu(two.batch_norm(stem(two, 16)));
  two.loss(two.linear(trunk, kClasses));
  two.loss(two.linear(two.global_average_pool(trunk), kClasses));
  graphs.push_back({"TwoLosses", two.graph()});

  Net of_input({3, 6, 7});
  graphs.push_back({"BatchNormOfInput", finish(of_input, of_input.batch_norm(0))});
  Net linear({3, 6, 7});
  graphs.push_back({"LinearOfInput", finish(linear, 0)});
  Net one_class({3, 6, 7});
  one_class.loss(one_class.linear(stem(one_class, 4), 1));
  graphs.push_back({"OneClass", one_class.graph()});
}

}  // namespace

std::vector<NamedGraph> operator_graphs() {
  std::vector<NamedGraph> graphs;
  add_convolutions(graphs);
  add_norms_and_residuals(graphs);
  add_shortcuts_and_paths(graphs);
  add_pools_and_heads(graphs);
  return graphs;
}

Graph random_graph(unsigned seed) {
  std::minstd_rand random(seed + 1);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  HandBuiltGraph net({1 + below(3), 6 + below(5), 6 + below(5)});
  const int widths[] = {3, 8, 12, 16, 32, 40};
  std::vector<int> alike{net.convolution(0, widths[below(6)], k3x3)};  // nodes of one shape
  int last = alike.back();
  bool shrunk = false;
  for (int i = 0; i < 10; ++i) {
    const int source = alike[below(static_cast<int>(alike.size()))];
    const int channels = net.shape(source).channels;
    switch (below(7)) {
      case 0:
        last = net.convolution(source, channels, k3x3, channels % 4 == 0 ? 4 : 1);
        break;
      case 1:
        last = net.convolution(source, channels, kPointwise);
        break;
      case 2:
      case 3:
        last = net.batch_norm(source);
        break;
      case 4:
        last = net.relu(source);
        break;
      case 5:
        last = net.add(source, last);
        break;
      default:
        if (shrunk) continue;
        shrunk = true;
        last = below(2) == 0 ? net.max_pool(last, {.kernel = 3, .stride = 2, .padding = 1})
                             : net.convolution(last, widths[below(6)],
                                               {.kernel = 3, .stride = 2, .padding = 1});
        alike.clear();
    }
    alike.push_back(last);
  }
  // Everything must lead to a loss, so whatever nothing reads yet gets one of its own.
  const Graph so_far = net.graph();
  std::vector<bool> read(so_far.nodes.size(), false);
  for (const Node& node : so_far.nodes) {
    for (const int input : node.inputs) read[input] = true;
  }
  for (std::size_t node = 0; node < read.size(); ++node) {
    if (!read[node]) net.loss(net.linear(static_cast<int>(node), kClasses));
  }
  return net.graph();
}

}  // namespace resnext::net
