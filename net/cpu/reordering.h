#pragma once
// What joins layers: layout changes between a producer's layout and the one a primitive wants (none
// in the usual case), and the sum of the gradients of a value that several layers read.

#include <dnnl.hpp>

#include "net/cpu/layer.h"
#include "net/cpu/vector_kernels.h"

namespace resnext::net::cpu {

/// An input of a layer in the layout it wants.
class SourceReordering {
 public:
  SourceReordering() = default;
  SourceReordering(Builder& builder, int node, const dnnl::memory::desc& wanted);

  /// Marks the wanted form as used at the builder's present time too (a backward pass).
  void use(Builder& builder) { builder.use(buffer_); }
  void bind(const Placement& placement, const dnnl::engine& engine);
  void forward(Run& run);
  const dnnl::memory& memory() const { return memory_; }
  BufferId buffer() const { return buffer_; }

 private:
  Value stored_;
  dnnl::memory::desc wanted_;
  BufferId buffer_ = -1;  ///< of the wanted form; the stored one where layouts agree
  bool needed_ = false;
  dnnl::reorder reorder_;
  dnnl::memory stored_memory_, memory_;
};

/// The gradient that a layer computes for one of its inputs: appended to that node's gradients, in
/// the layout of the node's value.
class GradientReordering {
 public:
  GradientReordering() = default;
  GradientReordering(Builder& builder, int node, const dnnl::memory::desc& computed);
  /// As above, computed in a buffer that the layer already has.
  GradientReordering(Builder& builder, int node, const dnnl::memory::desc& computed,
                     BufferId buffer);

  void bind(const Placement& placement, const dnnl::engine& engine);
  /// To be called after memory() has been computed.
  void backward(Run& run);
  const dnnl::memory& memory() const { return memory_; }

 private:
  dnnl::memory::desc computed_, stored_;
  BufferId buffer_ = -1, stored_buffer_ = -1;
  bool needed_ = false;
  dnnl::reorder reorder_;
  dnnl::memory memory_, stored_memory_;
};

/// The sum of a node's gradients, in its first part's buffer. The first two parts may be left to a
/// kernel that adds them on the fly.
class GradientSum {
 public:
  GradientSum() = default;
  /// `on_the_fly`: how many parts (1 or 2) the layer takes unsummed.
  GradientSum(Builder& builder, int node, int on_the_fly = 1);

  void bind(const Placement& placement);
  void run();

  BufferId buffer() const { return parts_.front(); }
  float* first() const { return pointers_.front(); }
  /// The part left to the caller, or null.
  const float* second() const {
    return on_the_fly_ > 1 && pointers_.size() > 1 ? pointers_[1] : nullptr;
  }

 private:
  std::vector<BufferId> parts_;
  std::vector<float*> pointers_;
  std::size_t count_ = 0;
  int on_the_fly_ = 1;
  const VectorKernels* kernels_ = nullptr;
};

}  // namespace resnext::net::cpu
