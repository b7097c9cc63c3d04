#pragma once
// A pass over a network as plain data: steps in the order of one stream, over memory that is
// planned to the byte. Lowered from a graph without any CUDA library; a GPU then only runs it.

#include <cstddef>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "net/cuda/tensor_graph.h"
#include "net/graph.h"

namespace resnext::net::cuda {

enum class Region {
  kPlanned,          ///< the program's own memory
  kWeights,          ///< the engine's working weights (WeightLayout)
  kStatistics,       ///< running statistics (StatisticLayout)
  kMovedStatistics,  ///< what a training pass makes of them
};

struct Location {
  Region region = Region::kPlanned;
  int buffer = -1;         ///< kPlanned: which
  std::size_t offset = 0;  ///< in bytes, in the buffer or region
};

/// A value or gradient: (N, padded C, H, W), channels innermost.
struct Activation {
  Location at;
  DataType type = DataType::kFloat;
};

/// One execution plan with its memory: `tensors` in the order of TensorGraph::bound_tensors().
struct PlanStep {
  int graph = 0;  ///< into DeviceProgram::graphs
  std::vector<Location> tensors;
};

/// The batch's images, normalised and with channels innermost and padded with zeros.
struct ImportImagesStep {
  Location to;
};

/// The running statistics' normalisation of one value, or the value as it is.
struct Branch {
  Location from;
  bool normalised = false;
  Location scale, bias, mean, variance;
};

/// y = [ReLU] (branch + [branch]).
struct CombineStep {
  std::vector<Branch> branches;
  Location to;
  bool relu = false;
  std::size_t values = 0;
  int channels = 0;  ///< padded
};

/// dx = dy where y > 0.
struct ReluBackwardStep {
  Location dy, y, dx;
  std::size_t values = 0;
};

/// Means over each image's pixels, each weighted by how many k x k windows it takes part in.
struct AveragePoolStep {
  bool backward = false;
  Location x, y;  ///< or their gradients
  Shape image;    ///< of x; padded channels
  int window = 0;
};

/// Copies `channels` channels of every pixel between places of different width; what remains of
/// `clear_to` channels becomes zero.
struct CopyChannelsStep {
  Location from, to;
  std::size_t pixels = 0;
  int from_pitch = 0, to_pitch = 0;  ///< channels of a pixel
  int from_channel = 0, to_channel = 0;
  int channels = 0;
  int clear_to = 0;
};

/// Shortcut type A: every stride-th pixel, and zeros for the channels that x lacks.
struct SubsampleStep {
  bool backward = false;
  Location x, y;
  Shape from, to;    ///< padded channels
  int channels = 0;  ///< that x and y share
  int stride = 1;
};

/// logits += bias, row by row; or dbias = column sums of the logits' gradient.
struct BiasStep {
  bool backward = false;
  Location logits, bias;
  DataType type = DataType::kFloat;  ///< of the logits, or of their gradient
  int pitch = 0;
};

/// Loss, counts of correct images, and the logits' gradient (training).
struct SoftmaxStep {
  Location logits, gradient;
  DataType type = DataType::kFloat, gradient_type = DataType::kFloat;
  int classes = 0, pitch = 0;
  float smoothing = 0;
  bool training = false;
};

/// Moves the gradients of parameters [first, last) to the arena, where [.., ready) is then final.
struct ExportGradientsStep {
  int first = 0, last = 0;
  std::size_t ready = 0;
};

struct Step {
  std::string name;  ///< the layer's, e.g. "layer1.0.conv2 backward"
  std::variant<PlanStep, ImportImagesStep, CombineStep, ReluBackwardStep, AveragePoolStep,
               CopyChannelsStep, SubsampleStep, BiasStep, SoftmaxStep, ExportGradientsStep>
      work;
};

/// A value that is read back: a node's, of one image `shape` without padding.
struct Output {
  Activation value;
  Shape shape;
};

struct DeviceProgram {
  int batch_size = 0;
  bool training = false;
  DataType type = DataType::kBf16;
  Shape input;                      ///< of one image, logical channels
  std::vector<TensorGraph> graphs;  ///< each once
  std::vector<Step> steps;
  std::vector<std::size_t> offsets;  ///< by planned buffer, in bytes
  std::size_t planned_bytes = 0;
  std::size_t unshared_bytes = 0;   ///< if no two buffers shared memory
  std::vector<Location> gradients;  ///< by parameter: its working gradient (training)
  std::vector<Output> outputs;      ///< the graph's
};

/// Lowers a pass. `group_values`: gradients are exported in portions of at least so many values,
/// that is, as soon as the ready prefix of the arena has grown by that much.
DeviceProgram lower(const Graph& graph, int batch_size, DataType type, bool training,
                    std::size_t group_values = std::size_t(1) << 18);

}  // namespace resnext::net::cuda
