#include "net/cpu/value_reader.h"

#include <algorithm>
#include <stdexcept>

#include "net/cpu/batch_norm.h"
#include "net/cpu/thread_team.h"

namespace resnext::net::cpu {

Operand ValueReader::operand_at(const void* address) const {
  Operand operand;
  operand.values = address;
  operand.precision = value_.precision;
  if (value_.pending != nullptr) {
    operand.scale = value_.pending->scale();
    operand.shift = value_.pending->shift();
    operand.relu = value_.relu;
  }
  return operand;
}

GradientSum::GradientSum(Builder& builder, int node, int left)
    : parts_(builder.gradients[node]),
      pixels_(builder.pixels_of(node)),
      channels_(builder.graph.nodes[node].output.channels),
      left_(left),
      threads_(builder.threads),
      precision_(builder.values[node].precision),
      kernels_(&builder.kernels) {
  if (parts_.empty()) {
    throw std::logic_error("nothing is computed from " + builder.graph.nodes[node].name);
  }
  std::stable_partition(parts_.begin(), parts_.end(),
                        [&](BufferId part) { return !builder.to_be_read(part); });
  for (const BufferId part : parts_) builder.use(part);
  target_ = builder.to_be_read(parts_.front()) ? builder.add_activation(node) : parts_.front();
}

void GradientSum::bind(const Placement& placement) {
  addresses_.clear();
  for (const BufferId part : parts_) addresses_.push_back(placement.address(part));
  target_address_ = placement.address(target_);
}

void GradientSum::add(const void* first, const void* second) const {
  Join sum;
  sum.first.values = first;
  sum.second.values = second;
  sum.first.precision = sum.second.precision = precision_;
  sum.out = target_address_;
  sum.channels = channels_;
  on_each_thread(threads_, [&](int thread) {
    const Share share = share_of(pixels_, thread, threads_);
    kernels_->join(sum, {share.first, share.end});
  });
}

void GradientSum::run() {
  if (target_address_ != addresses_.front()) add(addresses_.front(), nullptr);
  for (std::size_t part = left_; part < addresses_.size(); ++part) {
    add(target_address_, addresses_[part]);
  }
}

GradientReader::GradientReader(Builder& builder, int node)
    : pending_(builder.pending_gradients[node]), precision_(builder.values[node].precision) {
  if (pending_.norm == nullptr) {
    sum_ = GradientSum(builder, node);
    return;
  }
  builder.use(pending_.gradient);
  value_ = ValueReader(builder, node);
  value_.read_again(builder);
}

void GradientReader::finish(Builder& builder) const {
  if (pending_.norm == nullptr) return;
  auto& waiting = builder.gradients_to_be_read;
  waiting.erase(std::ranges::find(waiting, pending_.gradient));
}

void GradientReader::bind(const Placement& placement) {
  if (pending_.norm == nullptr) {
    sum_.bind(placement);
    gradient_ = sum_.target();
    return;
  }
  gradient_ = placement.address(pending_.gradient);
  value_.bind(placement);
}

void GradientReader::run() {
  if (pending_.norm == nullptr) sum_.run();
}

Operand GradientReader::operand() const {
  Operand operand;
  operand.values = gradient_;
  operand.precision = precision_;
  if (pending_.norm != nullptr) {
    operand.scale = pending_.norm->slope_g();
    operand.shift = pending_.norm->offset();
    operand.second = value_.values_again();
    operand.second_scale = pending_.norm->slope_x();
  }
  return operand;
}

}  // namespace resnext::net::cpu
