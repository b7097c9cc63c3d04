// Operations that production code does not use yet, and attributes it leaves alone, interpreted on
// hand-made graphs.

#include <cmath>
#include <cstring>

#include <gtest/gtest.h>

#include "tests/cuda_standin/cudnn_execution.h"

namespace resnext::standin {
namespace {

Dims packed(const Dims& dims) {
  Dims strides(dims.size());
  std::int64_t stride = 1;
  for (std::size_t i = dims.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= dims[i];
  }
  return strides;
}

/// A graph of one operation and the memory of its tensors.
class OneOperation {
 public:
  explicit OneOperation(cudnnBackendDescriptorType_t kind) { operation_.kind = kind; }

  template <typename Value>
  OneOperation& set(cudnnBackendAttributeName_t name, const std::vector<Value>& values) {
    Attribute& attribute = operation_.attributes[name];
    attribute.count = std::int64_t(values.size());
    attribute.bytes.resize(values.size() * sizeof(Value));
    std::memcpy(attribute.bytes.data(), values.data(), attribute.bytes.size());
    return *this;
  }
  OneOperation& tensor(cudnnBackendAttributeName_t name, const Dims& dims, const Values& values) {
    Tensor tensor;
    tensor.dims = dims;
    tensor.strides = packed(dims);
    tensor.id = std::int64_t(memory_.size());
    operation_.tensors[name] = tensor;
    memory_.push_back(values);
    memory_.back().resize(tensor.elements(), NAN);
    return *this;
  }
  /// The last tensor that was added.
  Values run() {
    auto graph = std::make_shared<RecordedGraph>();
    graph->operations.push_back(operation_);
    std::map<std::int64_t, void*> pointers;
    for (std::size_t i = 0; i < memory_.size(); ++i) {
      pointers[std::int64_t(i)] = memory_[i].data();
    }
    Execution(graph, pointers).run();
    return memory_.back();
  }

 private:
  Operation operation_;
  std::vector<Values> memory_;
};

OneOperation pointwise(cudnnPointwiseMode_t mode) {
  OneOperation operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
  return operation.set<cudnnPointwiseMode_t>(CUDNN_ATTR_POINTWISE_MODE, {mode});
}

TEST(InterpreterTest, SubtractsBroadcastChannels) {
  const Values y =
      pointwise(CUDNN_POINTWISE_SUB)
          .tensor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, {2, 2, 1, 2}, {1, 2, 3, 4, 5, 6, 7, 8})
          .tensor(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, {1, 2, 1, 1}, {10, 20})
          .tensor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, {2, 2, 1, 2}, {})
          .run();
  EXPECT_EQ(y, (Values{-9, -8, -17, -16, -5, -4, -13, -12}));
}

TEST(InterpreterTest, CopiesAndScales) {
  const Values y = pointwise(CUDNN_POINTWISE_IDENTITY)
                       .set<float>(CUDNN_ATTR_OPERATION_POINTWISE_ALPHA1, {-2})
                       .tensor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, {1, 1, 1, 3}, {1, 2, 3})
                       .tensor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, {1, 1, 1, 3}, {})
                       .run();
  EXPECT_EQ(y, (Values{-2, -4, -6}));
}

TEST(InterpreterTest, PassesGradientsWhereInputsArePositive) {
  const Values dx = pointwise(CUDNN_POINTWISE_RELU_BWD)
                        .tensor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, {1, 1, 1, 3}, {-1, 0, 2})
                        .tensor(CUDNN_ATTR_OPERATION_POINTWISE_DYDESC, {1, 1, 1, 3}, {5, 6, 7})
                        .tensor(CUDNN_ATTR_OPERATION_POINTWISE_DXDESC, {1, 1, 1, 3}, {})
                        .run();
  EXPECT_EQ(dx, (Values{0, 0, 7}));
}

TEST(InterpreterTest, KeepsWhatIsNotANumberThroughRelu) {
  const Values y = pointwise(CUDNN_POINTWISE_RELU_FWD)
                       .tensor(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, {1, 1, 1, 2}, {NAN, -1})
                       .tensor(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, {1, 1, 1, 2}, {})
                       .run();
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_EQ(y[1], 0);
}

TEST(InterpreterTest, NormalisesByGivenStatistics) {
  OneOperation norm(CUDNN_BACKEND_OPERATION_NORM_FORWARD_DESCRIPTOR);
  const Dims channels{1, 2, 1, 1};
  const Values y =
      norm.set<cudnnBackendNormMode_t>(CUDNN_ATTR_OPERATION_NORM_FWD_MODE, {CUDNN_BATCH_NORM})
          .set<cudnnBackendNormFwdPhase_t>(CUDNN_ATTR_OPERATION_NORM_FWD_PHASE,
                                           {CUDNN_NORM_FWD_INFERENCE})
          .tensor(CUDNN_ATTR_OPERATION_NORM_FWD_XDESC, {1, 2, 1, 2}, {1, 2, 3, 4})
          .tensor(CUDNN_ATTR_OPERATION_NORM_FWD_MEAN_DESC, channels, {1, 3})
          .tensor(CUDNN_ATTR_OPERATION_NORM_FWD_INV_VARIANCE_DESC, channels, {2, 0.5})
          .tensor(CUDNN_ATTR_OPERATION_NORM_FWD_SCALE_DESC, channels, {3, 4})
          .tensor(CUDNN_ATTR_OPERATION_NORM_FWD_BIAS_DESC, channels, {10, 20})
          .tensor(CUDNN_ATTR_OPERATION_NORM_FWD_YDESC, {1, 2, 1, 2}, {})
          .run();
  EXPECT_EQ(y, (Values{10, 16, 20, 22}));
}

OneOperation average_pool(cudnnBackendDescriptorType_t kind, cudnnResampleMode_t mode) {
  OneOperation pool(kind);
  const auto both = [](std::int64_t value) {
    return std::vector<cudnnFraction_t>(2, cudnnFraction_t{value, 1});
  };
  return pool.set<cudnnResampleMode_t>(CUDNN_ATTR_RESAMPLE_MODE, {mode})
      .set<cudnnPaddingMode_t>(CUDNN_ATTR_RESAMPLE_PADDING_MODE, {CUDNN_ZERO_PAD})
      .set(CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, both(2))
      .set(CUDNN_ATTR_RESAMPLE_STRIDES, both(2))
      .set(CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, both(1));
}

TEST(InterpreterTest, AveragesWithAndWithoutPadding) {
  const Values x{1, 2, 3, 4};
  const auto average = [&](cudnnResampleMode_t mode) {
    return average_pool(CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR, mode)
        .tensor(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC, {1, 1, 2, 2}, x)
        .tensor(CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC, {1, 1, 2, 2}, {})
        .run();
  };
  EXPECT_EQ(average(CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING), x);
  EXPECT_EQ(average(CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING), (Values{0.25, 0.5, 0.75, 1}));
}

TEST(InterpreterTest, SpreadsTheGradientOfAnAverage) {
  const Values dx =
      average_pool(CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR,
                   CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING)
          .tensor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC, {1, 1, 2, 2}, {4, 8, 12, 16})
          .tensor(CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC, {1, 1, 2, 2}, {})
          .run();
  EXPECT_EQ(dx, (Values{1, 2, 3, 4}));
}

TEST(InterpreterTest, AddsAConvolutionToWhatWasThere) {
  OneOperation convolution(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
  const Values y =
      convolution.set<std::int64_t>(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {0, 0})
          .set<std::int64_t>(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {1, 1})
          .set<std::int64_t>(CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, 2})
          .set<float>(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, {2})
          .set<float>(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, {3})
          .tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, {1, 1, 1, 4}, {1, 2, 3, 4})
          .tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, {1, 1, 1, 2}, {1, 10})
          .tensor(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, {1, 1, 1, 2}, {100, 200})
          .run();
  EXPECT_EQ(y, (Values{2 * 31 + 300, 2 * 42 + 600}));
}

TEST(InterpreterTest, MultipliesBatchesByOneMatrix) {
  OneOperation product(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
  const Values c = product.tensor(CUDNN_ATTR_OPERATION_MATMUL_ADESC, {2, 1, 2}, {1, 2, 3, 4})
                       .tensor(CUDNN_ATTR_OPERATION_MATMUL_BDESC, {1, 2, 2}, {1, 10, 100, 1000})
                       .tensor(CUDNN_ATTR_OPERATION_MATMUL_CDESC, {2, 1, 2}, {})
                       .run();
  EXPECT_EQ(c, (Values{201, 2010, 403, 4030}));
}

}  // namespace
}  // namespace resnext::standin
