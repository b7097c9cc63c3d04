#pragma once
// The gradient of a convolution's input: a correlation of the output's gradient with the weights
// turned around, in one part for each remainder modulo the stride.

#include <memory>
#include <vector>

#include "net/cpu/correlation.h"
#include "net/cpu/gradient_sink.h"

namespace resnext::net::cpu {

class InputGradient {
 public:
  /// Plans it, and adds it to the gradients of the convolution's input, if that needs any.
  InputGradient(Builder& builder, int node);

  void bind(const Placement& placement);
  void run(const Operand& gradient);

  bool exists() const { return buffer_ >= 0; }
  /// That are written, and read: what is added, and what the sink needs.
  double bytes() const;

 private:
  void plan_parts(Builder& builder, int node);
  void plan_output(Builder& builder, int input);

  std::vector<Correlation> parts_;
  bool covers_input_ = true;      ///< every input value is written by some part
  GradientSink* sink_ = nullptr;  ///< takes what is computed
  BufferId buffer_ = -1, addend_ = -1;
  std::size_t bytes_ = 0;
  std::byte* values_ = nullptr;
  const void* addend_values_ = nullptr;
  Precision precision_ = Precision::kFp32;
};

}  // namespace resnext::net::cpu
