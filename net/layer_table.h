#pragma once
// The layer table of a network, as the paper's Table 1 prints it: for people and for programs.

#include <string>
#include <vector>

#include "net/complexity.h"
#include "net/graph.h"

namespace resnext::net {

/// One row: a stage of the paper.
struct StageRow {
  std::string stage;                ///< "conv1", "conv2", …, "head"
  Shape output;                     ///< of the stage's last feature map; of the head: the logits
  std::vector<std::string> layers;  ///< e.g. "[1x1, 128 / 3x3, 128, C=32 / 1x1, 256] x 3"
  Complexity cost;
};

/// The stages in forward order, without the input.
std::vector<StageRow> layer_table(const Graph& graph);

/// Fixed-width text that ends in a newline; memory is given for `batch` images in fp32.
std::string layer_table_text(const Graph& graph, int batch);

/// The known models, one a line under a heading: name, parameters, multiply-adds (for their usual
/// input and classes), and where the paper has them.
std::string model_list_text();

/// One JSON object: `model`, `input` {`height`, `width`, `channels`}, `classes`, `batch`,
/// `parameters`, `parameter_bytes`, `multiply_adds` and `activation_values` (of one image),
/// `activation_bytes` (of the batch, fp32), and `stages`, a list of {`stage`, `output` {`height`,
/// `width`, `channels`}, `layers`, `parameters`, `multiply_adds`, `activation_values`}; the stages
/// add up to the totals.
std::string layer_table_json(const Graph& graph, int batch);

}  // namespace resnext::net
