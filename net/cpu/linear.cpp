#include "net/cpu/linear.h"

#include "net/cpu/channel_layout.h"
#include "net/cpu/dnnl_primitives.h"
#include "net/cpu/reordering.h"

namespace resnext::net::cpu {
namespace {

using Tag = dnnl::memory::format_tag;

dnnl::memory::desc matrix(int rows, int columns, Tag tag) {
  return {{rows, columns}, dnnl::memory::data_type::f32, tag};
}

/// One product C = A * B, whose operands' addresses may change from step to step.
class MatrixProduct {
 public:
  MatrixProduct() = default;
  MatrixProduct(Builder& builder, const dnnl::memory::desc& a, const dnnl::memory::desc& b,
                const dnnl::memory::desc& c)
      : descriptor_(matmul_descriptor(builder.engine, a, b, c)),
        product_(descriptor_),
        scratchpad_(builder.add_buffer(descriptor_.scratchpad_desc())),
        a_(a, builder.engine, nullptr),
        b_(b, builder.engine, nullptr),
        c_(c, builder.engine, nullptr) {}

  void bind(const Placement& placement, const dnnl::engine& engine) {
    arguments_ = {{DNNL_ARG_SRC, a_},
                  {DNNL_ARG_WEIGHTS, b_},
                  {DNNL_ARG_DST, c_},
                  {DNNL_ARG_SCRATCHPAD,
                   placement.memory(descriptor_.scratchpad_desc(), engine, scratchpad_)}};
  }

  void run(dnnl::stream& stream, const float* a, const float* b, float* c) {
    // oneDNN takes sources as non-const pointers but only reads them.
    a_.set_data_handle(const_cast<float*>(a));
    b_.set_data_handle(const_cast<float*>(b));
    c_.set_data_handle(c);
    product_.execute(stream, arguments_);
    stream.wait();
  }

 private:
  dnnl::matmul::primitive_desc descriptor_;
  dnnl::matmul product_;
  BufferId scratchpad_ = -1;
  dnnl::memory a_, b_, c_;
  std::unordered_map<int, dnnl::memory> arguments_;
};

class Linear final : public Layer {
 public:
  Linear(Builder& builder, int node)
      : node_(node),
        entry_(builder.graph.nodes[node]),
        weight_(builder.graph.parameters[entry_.parameters[0]]),
        bias_(builder.graph.parameters[entry_.parameters[1]]),
        images_(builder.batch_size),
        classes_(static_cast<int>(weight_.shape[0])),
        features_(static_cast<int>(weight_.shape[1])),
        source_(builder, entry_.inputs[0],
                activation_descriptor(builder.dims(entry_.inputs[0]), Tag::nchw)),
        training_(builder.training) {
    forward_ =
        MatrixProduct(builder, matrix(images_, features_, Tag::ab),
                      matrix(features_, classes_, Tag::ba), matrix(images_, classes_, Tag::ab));
    const auto descriptor = activation_descriptor(builder.dims(node), Tag::nchw);
    destination_ = builder.add_buffer(descriptor);
    builder.values[node] = {descriptor, destination_};
  }

  void plan_backward(Builder& builder) override {
    gradient_ = GradientSum(builder, node_);
    source_.use(builder);
    backward_data_ =
        MatrixProduct(builder, matrix(images_, classes_, Tag::ab),
                      matrix(classes_, features_, Tag::ab), matrix(images_, features_, Tag::ab));
    backward_weights_ =
        MatrixProduct(builder, matrix(classes_, images_, Tag::ba),
                      matrix(images_, features_, Tag::ab), matrix(classes_, features_, Tag::ab));
    source_gradient_ =
        GradientReordering(builder, entry_.inputs[0],
                           activation_descriptor(builder.dims(entry_.inputs[0]), Tag::nchw));
  }

  void bind(const Placement& placement, const dnnl::engine& engine) override {
    source_.bind(placement, engine);
    x_ = static_cast<float*>(source_.memory().get_data_handle());
    y_ = placement.floats(destination_);
    forward_.bind(placement, engine);
    if (!training_) return;
    gradient_.bind(placement);
    source_gradient_.bind(placement, engine);
    backward_data_.bind(placement, engine);
    backward_weights_.bind(placement, engine);
    dx_ = static_cast<float*>(source_gradient_.memory().get_data_handle());
  }

  void forward(Run& run) override {
    source_.forward(run);
    forward_.run(run.stream, x_, run.parameters.data() + weight_.offset, y_);
    for (int n = 0; n < images_; ++n) {
      for (int k = 0; k < classes_; ++k) {
        y_[std::size_t(n) * classes_ + k] += run.parameters[bias_.offset + k];
      }
    }
  }

  void backward(Run& run) override {
    gradient_.run();
    const float* dy = gradient_.first();
    backward_data_.run(run.stream, dy, run.parameters.data() + weight_.offset, dx_);
    backward_weights_.run(run.stream, dy, x_, run.gradients.data() + weight_.offset);
    for (int k = 0; k < classes_; ++k) {
      double sum = 0;
      for (int n = 0; n < images_; ++n) sum += dy[std::size_t(n) * classes_ + k];
      run.gradients[bias_.offset + k] = static_cast<float>(sum);
    }
    source_gradient_.backward(run);
  }

  std::vector<int> parameters() const override { return entry_.parameters; }

 private:
  int node_;
  const Node& entry_;
  const Parameter& weight_;
  const Parameter& bias_;
  int images_, classes_, features_;
  SourceReordering source_;
  bool training_;
  MatrixProduct forward_, backward_data_, backward_weights_;
  BufferId destination_ = -1;
  GradientSum gradient_;
  GradientReordering source_gradient_;
  float *x_ = nullptr, *y_ = nullptr, *dx_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_linear(Builder& builder, int node) {
  return std::make_unique<Linear>(builder, node);
}

}  // namespace resnext::net::cpu
