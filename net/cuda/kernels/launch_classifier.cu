#include "net/cuda/kernels/classifier.cuh"
#include "net/cuda/kernels/launch.h"
#include "net/cuda/kernels/launch_grid.cuh"

namespace resnext::net::cuda {
namespace {

using kernels::Bf16;

template <typename T, typename G>
void softmax(const SoftmaxStep& step, int images, const SoftmaxPointers& p, cudaStream_t stream) {
  kernels::softmax_cross_entropy<T, G>
      <<<static_cast<unsigned>(images), kernels::kSoftmaxThreads, 0, stream>>>(
          static_cast<const T*>(p.logits), p.labels, p.header, p.metrics,
          static_cast<G*>(p.gradient), step.classes, step.pitch, step.smoothing);
}

template <typename T>
void typed_bias(const BiasStep& step, int images, T* logits, float* bias, cudaStream_t stream) {
  const std::size_t rows = std::size_t(images);
  if (step.backward) {
    kernels::bias_gradient<T><<<blocks_for(std::size_t(step.pitch)), kThreads, 0, stream>>>(
        logits, bias, rows, step.pitch);
  } else {
    kernels::add_bias<T>
        <<<blocks_for(rows * step.pitch), kThreads, 0, stream>>>(logits, bias, rows, step.pitch);
  }
}

}  // namespace

void bias(const BiasStep& step, int images, void* logits, float* bias, cudaStream_t stream) {
  if (step.type == DataType::kBf16) {
    typed_bias(step, images, static_cast<Bf16*>(logits), bias, stream);
  } else {
    typed_bias(step, images, static_cast<float*>(logits), bias, stream);
  }
  check_launch("bias");
}

void softmax_cross_entropy(const SoftmaxStep& step, int images, const SoftmaxPointers& pointers,
                           cudaStream_t stream) {
  const bool bf16 = step.type == DataType::kBf16;
  const bool bf16_gradient = step.gradient_type == DataType::kBf16;
  if (bf16 && bf16_gradient) {
    softmax<Bf16, Bf16>(step, images, pointers, stream);
  } else if (bf16) {
    softmax<Bf16, float>(step, images, pointers, stream);
  } else if (bf16_gradient) {
    softmax<float, Bf16>(step, images, pointers, stream);
  } else {
    softmax<float, float>(step, images, pointers, stream);
  }
  check_launch("softmax_cross_entropy");
}

}  // namespace resnext::net::cuda
