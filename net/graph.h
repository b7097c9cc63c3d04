#pragma once
// The static graph: plain data that says everything about a network before the first step. Nodes
// are in topological order with shapes, parameters and statistics; engines compile it and then only
// run.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "net/spec.h"

namespace resnext::net {

/// Shape of one image's activation: channels, height, width. The batch dimension N is not part of
/// the graph; an engine adds it when it compiles.
struct Shape {
  int channels = 0;
  int height = 1;
  int width = 1;

  std::size_t count() const { return std::size_t(channels) * height * width; }
  bool operator==(const Shape&) const = default;
};

/// A square sliding window: kernel x kernel, the same stride and zero padding both ways.
struct Window {
  int kernel = 1;
  int stride = 1;
  int padding = 0;
};

enum class Op {
  kInput,        ///< the images
  kConvolution,  ///< no bias; parameters: weight (O, I/groups, k, k)
  kBatchNorm,    ///< parameters: weight (gamma), bias (beta); statistics: mean, variance
  kRelu,
  kAdd,            ///< two inputs of one shape
  kConcatenation,  ///< of channels; inputs of one height and width
  kZeroPadding,    ///< every stride-th pixel, and zeros for the channels that the input lacks
  kMaxPool,
  kGlobalAveragePool,    ///< to (C, 1, 1); window.kernel k > 0: the mean over every position of a
                         ///< k x k average (of all pixels where the image is smaller)
  kLinear,               ///< parameters: weight (classes, features), bias (classes)
  kSoftmaxCrossEntropy,  ///< a loss: logits against the labels; output shape (1, 1, 1)
};

/// How a parameter is initialised (paper recipe; fan counts as Torch's: k*k*nOut, not by group).
enum class Initialisation {
  kConvolution,  ///< N(0, sqrt(2 / (k * k * nOut)))
  kOne,          ///< batch-norm gamma
  kZero,         ///< batch-norm beta, linear bias
  kLinear,       ///< U(-1/sqrt(fan_in), 1/sqrt(fan_in))
};

/// A named slice of the parameter arena, in canonical (OIHW) order, named as torchvision does.
struct Parameter {
  std::string name;                 ///< e.g. "layer1.0.conv2.weight"
  std::vector<std::int64_t> shape;  ///< e.g. {128, 4, 3, 3}
  std::size_t offset = 0;           ///< first element in the arena
  std::size_t count = 0;
  Initialisation initialisation = Initialisation::kZero;
};

/// A named slice of the running statistics, e.g. "layer1.0.bn1.running_mean".
struct Statistic {
  std::string name;
  std::size_t offset = 0;
  std::size_t count = 0;
  float initial = 0.0F;  ///< 0 for means, 1 for variances
};

struct Node {
  Op op = Op::kInput;
  std::string name;         ///< e.g. "layer1.0.conv2"; unique in the graph
  std::vector<int> inputs;  ///< indices of earlier nodes
  Shape output;
  Window window;                 ///< convolution and pooling
  int groups = 1;                ///< convolution: the cardinality
  std::vector<int> parameters;   ///< indices into Graph::parameters, in the order given at Op
  std::vector<int> statistics;   ///< indices into Graph::statistics: mean, variance
  std::string stage;             ///< the paper's stage: "conv1", "conv2", …, "head"
  float label_smoothing = 0.0F;  ///< softmax cross-entropy: what the target gives to all classes
};

/// The three equivalent forms of a block (paper Figure 3; section 3.3).
enum class BlockForm {
  kSeparatePaths,       ///< (a): each path to the block's output, then their sum
  kEarlyConcatenation,  ///< (b): paths concatenated before the last 1x1 convolution
  kGroupedConvolution,  ///< (c): what everything else computes with
};

/// What of a network its name does not say.
struct GraphOptions {
  BlockForm form = BlockForm::kGroupedConvolution;
  bool zero_last_gamma = false;  ///< each block's last batch-norm starts at 0 (Goyal et al. 2017)
  float label_smoothing = 0.0F;  ///< of the training loss, in [0, 1)
  /// Dense testing (He et al. 2015; paper section 5.1): the classifier sees every position of an
  /// average of so many pixels a side (7: the training size's whole map), and its scores are
  /// averaged. The classifier being linear, that is its score of the averaged averages. 0: one
  /// average of the whole map.
  int averaging_window = 0;
};

/// A network as data. `parameters` are in *backward order*: the arena fills from its front while
/// the backward pass runs through `nodes` from last to first, so that a prefix of the arena is
/// always ready for reduction. Within one node its parameters keep the order given at Op.
struct Graph {
  Spec spec;
  GraphOptions options;
  Shape input;
  int classes = 0;
  std::vector<Node> nodes;
  std::vector<int> outputs;  ///< nodes whose values are the result, e.g. the logits
  std::vector<int> losses;   ///< nodes to minimise
  std::vector<Parameter> parameters;
  std::vector<Statistic> statistics;
  std::size_t parameter_count = 0;  ///< length of the arena; the parameters fill it without gaps
  std::size_t statistic_count = 0;
};

/// Batch-norm constants of the recipe.
inline constexpr float kBatchNormEpsilon = 1e-5F;
inline constexpr float kBatchNormMomentum = 0.1F;

/// Builds the graph of `spec` for images of shape `input` and `classes` classes: stride 2 in the
/// 3x3, ReLU after the addition (but for pre-activated nets). Throws std::invalid_argument when the
/// input is too small for the network's strides, a count is not positive, or the options do not fit
/// the network.
Graph build_graph(const Spec& spec, Shape input, int classes, const GraphOptions& options = {});

}  // namespace resnext::net
