#include "net/cuda/tensor_graph_json.h"

namespace resnext::net::cuda {

nlohmann::json to_json(const TensorGraph& graph) {
  nlohmann::json tensors = nlohmann::json::array(), operations = nlohmann::json::array();
  for (const TensorDescription& tensor : graph.tensors) {
    nlohmann::json& json = tensors.emplace_back();
    json["dims"] = tensor.dims;
    json["strides"] = tensor.strides;
    json["type"] = static_cast<int>(tensor.type);
    json["virtual"] = tensor.is_virtual;
    if (tensor.constant) json["constant"] = *tensor.constant;
  }
  for (const OperationDescription& operation : graph.operations) {
    const Window& window = operation.window;
    operations.push_back({{"kind", static_cast<int>(operation.kind)},
                          {"tensors", operation.tensors},
                          {"window", {window.kernel, window.stride, window.padding}}});
  }
  return {{"tensors", tensors}, {"operations", operations}};
}

TensorGraph tensor_graph_from(const nlohmann::json& json) {
  TensorGraph graph;
  for (const nlohmann::json& tensor : json.at("tensors")) {
    TensorDescription& description = graph.tensors.emplace_back();
    tensor.at("dims").get_to(description.dims);
    tensor.at("strides").get_to(description.strides);
    description.type = static_cast<DataType>(tensor.at("type").get<int>());
    tensor.at("virtual").get_to(description.is_virtual);
    if (tensor.contains("constant")) description.constant = tensor.at("constant").get<float>();
  }
  for (const nlohmann::json& operation : json.at("operations")) {
    const nlohmann::json& window = operation.at("window");
    graph.operations.push_back({static_cast<OperationKind>(operation.at("kind").get<int>()),
                                operation.at("tensors").get<std::vector<int>>(),
                                {window.at(0), window.at(1), window.at(2)}});
  }
  return graph;
}

}  // namespace resnext::net::cuda
