// Pointwise operations, with broadcast of dimensions of one.

#include <functional>

#include "tests/cuda_standin/cudnn_execution.h"

namespace resnext::standin {
namespace {

Values broadcast(const Values& values, const Dims& from, const Dims& to) {
  if (from == to) return values;
  std::size_t count = 1;
  for (const std::int64_t dim : to) count *= std::size_t(dim);
  Values result(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::size_t rest = i, source = 0, stride = 1;
    for (std::size_t k = to.size(); k-- > 0;) {
      const std::size_t at = rest % std::size_t(to[k]);
      rest /= std::size_t(to[k]);
      source += (from[k] == 1 ? 0 : at) * stride;
      stride *= std::size_t(from[k]);
    }
    result[i] = values[source];
  }
  return result;
}

using Function = std::function<float(float, float)>;

/// What is not a number stays so, as with cuDNN by default.
float relu(float x) {
  return x < 0 ? 0.0F : x;
}

Function function_of(cudnnPointwiseMode_t mode) {
  switch (mode) {
    case CUDNN_POINTWISE_ADD:
      return std::plus<float>();
    case CUDNN_POINTWISE_SUB:
      return std::minus<float>();
    case CUDNN_POINTWISE_MUL:
      return std::multiplies<float>();
    case CUDNN_POINTWISE_CMP_GT:
      return std::greater<float>();
    case CUDNN_POINTWISE_RELU_FWD:
      return [](float x, float) { return relu(x); };
    case CUDNN_POINTWISE_IDENTITY:
      return [](float x, float) { return x; };
    default:
      not_interpreted("pointwise mode", mode);
  }
}

/// Only plain ReLU: no clip, no slope.
void check_relu(const Operation& operation) {
  for (const auto name :
       {CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP, CUDNN_ATTR_POINTWISE_RELU_UPPER_CLIP,
        CUDNN_ATTR_POINTWISE_RELU_LOWER_CLIP_SLOPE}) {
    if (operation.attributes.contains(name)) not_interpreted("attribute", name);
  }
}

}  // namespace

bool compute_pointwise(const Operation& operation, Execution& execution) {
  if (operation.kind != CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR) return false;
  check_relu(operation);
  const auto mode =
      attribute<cudnnPointwiseMode_t>(operation.attributes, CUDNN_ATTR_POINTWISE_MODE);
  const bool backward = mode == CUDNN_POINTWISE_RELU_BWD;
  const Tensor& result = operation.tensors.at(backward ? CUDNN_ATTR_OPERATION_POINTWISE_DXDESC
                                                       : CUDNN_ATTR_OPERATION_POINTWISE_YDESC);
  const auto operand = [&](cudnnBackendAttributeName_t name) {
    const auto found = operation.tensors.find(name);
    if (found == operation.tensors.end()) return Values();
    return broadcast(execution.read(found->second), found->second.dims, result.dims);
  };
  Values x = operand(CUDNN_ATTR_OPERATION_POINTWISE_XDESC);
  const Values b = operand(backward ? CUDNN_ATTR_OPERATION_POINTWISE_DYDESC
                                    : CUDNN_ATTR_OPERATION_POINTWISE_BDESC);
  const auto scale = [&](cudnnBackendAttributeName_t name) {
    return attribute<float>(operation.attributes, name, 1.0F);
  };
  const float alpha1 = scale(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1);
  const float alpha2 = scale(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA2);
  const Function function =
      backward ? [](float value, float dy) { return value > 0 ? dy : 0.0F; } : function_of(mode);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = function(alpha1 * x[i], b.empty() ? 0.0F : alpha2 * b[i]);
  }
  execution.write(result, x);
  return true;
}

}  // namespace resnext::standin
