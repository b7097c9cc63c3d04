#pragma once
// What joins layers: reading a value through its pending batch-norm, and the sum of the gradients
// of a value that several layers read.

#include "net/cpu/layer.h"

namespace resnext::net::cpu {

/// An input of a layer.
class ValueReader {
 public:
  ValueReader() = default;
  /// Marks the value as read now.
  ValueReader(Builder& builder, int node) : value_(builder.read(node)) {}

  /// Marks it as read at the builder's present time too, in the backward pass.
  void read_again(Builder& builder) { again_ = builder.read_again(value_.owner); }
  void bind(const Placement& placement) {
    address_ = placement.address(value_.buffer);
    address_again_ = placement.address(again_);
  }
  /// For kernels; the batch-norm's constants are those of the current batch.
  Operand operand() const { return operand_at(address_); }
  const void* values() const { return address_; }
  /// Likewise in the backward pass, where the value may be elsewhere.
  Operand operand_again() const { return operand_at(address_again_); }
  const void* values_again() const { return address_again_; }
  const Value& value() const { return value_; }

 private:
  Operand operand_at(const void* address) const;

  Value value_;
  BufferId again_ = -1;
  const void* address_ = nullptr;
  const void* address_again_ = nullptr;
};

/// The sum of a node's gradients, in a buffer that nobody reads later unless told to.
class GradientSum {
 public:
  GradientSum() = default;
  /// `left`: how many parts (1 or 2) the layer takes unsummed.
  GradientSum(Builder& builder, int node, int left = 1);

  void bind(const Placement& placement);
  void run();

  BufferId buffer() const { return target_; }
  void* target() const { return target_address_; }
  /// The part left to the caller, or null.
  const void* second() const {
    return left_ > 1 && addresses_.size() > 1 ? addresses_[1] : nullptr;
  }

 private:
  void add(const void* first, const void* second) const;

  std::vector<BufferId> parts_;
  BufferId target_ = -1;
  std::vector<const void*> addresses_;
  void* target_address_ = nullptr;
  int pixels_ = 0, channels_ = 0, left_ = 1, threads_ = 1;
  Precision precision_ = Precision::kFp32;
  const KernelSet* kernels_ = nullptr;
};

/// The gradient of a convolution's output, for kernels that read it.
class GradientReader {
 public:
  GradientReader() = default;
  GradientReader(Builder& builder, int node);
  /// After all that reads it is planned.
  void finish(Builder& builder) const;

  void bind(const Placement& placement);
  /// Before operand() is read.
  void run();
  Operand operand() const;
  /// Whether the gradient comes through a batch-norm, whose input is read too.
  bool reads_value() const { return pending_.norm != nullptr; }
  BufferId buffer() const { return pending_.norm != nullptr ? pending_.gradient : sum_.buffer(); }

 private:
  PendingGradient pending_;
  GradientSum sum_;
  ValueReader value_;  ///< what the pending batch-norm reads
  const void* gradient_ = nullptr;
  Precision precision_ = Precision::kFp32;
};

}  // namespace resnext::net::cpu
