// Batch-norm, residual addition and ReLU: one plan in training where cuDNN has one, one kernel of
// our own in inference and where no batch-norm takes part.

#include <algorithm>
#include <utility>

#include "net/cuda/layer_graphs.h"
#include "net/cuda/lowering.h"

namespace resnext::net::cuda {
namespace {

bool is_norm(const ResidualBranch& branch) {
  return branch.batch_norm >= 0;
}

bool has_norm(const NormResidualPattern& pattern) {
  return std::ranges::any_of(pattern.branches, is_norm);
}

/// The branch whose normalisation takes in the rest of the pattern: the first that has one.
std::size_t main_branch(const NormResidualPattern& pattern) {
  const auto found = std::ranges::find_if(pattern.branches, is_norm);
  return std::size_t(found - pattern.branches.begin());
}

Branch as_it_is(Location from) {
  return {from, false, {}, {}, {}, {}};
}

Branch inference_branch(Lowering& to, const ResidualBranch& branch) {
  Branch result = as_it_is(to.value(branch.source).at);
  if (!is_norm(branch)) return result;
  result.normalised = true;
  const Node& norm = to.node(branch.batch_norm);
  result.scale = to.weight(norm, 0);
  result.bias = to.weight(norm, 1);
  result.mean = to.statistic(norm, 0, Region::kStatistics);
  result.variance = to.statistic(norm, 1, Region::kStatistics);
  return result;
}

void combine(Lowering& to, const NormResidualPattern& pattern, std::vector<Branch> branches) {
  CombineStep step;
  step.branches = std::move(branches);
  step.to = to.allocate_value(pattern.output);
  step.relu = pattern.relu;
  step.values = to.values(pattern.output);
  step.channels = to.padded(pattern.output);
  to.set_value(pattern.output, step.to);
  to.append(to.node(pattern.output).name, step);
}

/// Normalises the branch's source with the batch's statistics, with what else `fusion` says.
Location normalise(Lowering& to, const ResidualBranch& branch, NormFusion fusion,
                   const Location* residual, int output) {
  const Node& norm = to.node(branch.batch_norm);
  const int node = branch.batch_norm;
  const std::size_t vector_bytes = bytes_of(DataType::kFloat, std::size_t(to.padded(node)));
  const Lowering::SavedNorm saved{to.allocate(vector_bytes), to.allocate(vector_bytes)};
  to.saved_norms[node] = saved;
  const Location y = to.allocate_value(node);
  std::vector<Location> tensors{to.value(branch.source).at,
                                to.weight(norm, 0),
                                to.weight(norm, 1),
                                to.statistic(norm, 0, Region::kStatistics),
                                to.statistic(norm, 1, Region::kStatistics),
                                to.statistic(norm, 0, Region::kMovedStatistics),
                                to.statistic(norm, 1, Region::kMovedStatistics),
                                saved.mean,
                                saved.deviation,
                                y};
  if (residual != nullptr) tensors.push_back(*residual);
  if (fusion.relu) {
    to.masks[output] = to.allocate(bytes_of(DataType::kBits, to.values(node)));
    tensors.push_back(to.masks[output]);
  }
  to.append_plan(
      norm.name,
      batch_norm_forward(to.dims(node), to.type, fusion, kBatchNormEpsilon, kBatchNormMomentum),
      std::move(tensors));
  return y;
}

void normalise_backward(Lowering& to, const ResidualBranch& branch, const Location& gradient,
                        const Location* mask, const Location* kept) {
  const int node = branch.batch_norm;
  const Node& norm = to.node(node);
  const Lowering::SavedNorm& saved = to.saved_norms.at(node);
  const NormGradientFusion fusion{mask != nullptr, kept != nullptr};
  const Location dx = to.allocate_value(node);
  std::vector<Location> tensors{to.value(branch.source).at,
                                saved.mean,
                                saved.deviation,
                                to.weight(norm, 0),
                                to.allocate_weight_gradient(norm, 0),
                                to.allocate_weight_gradient(norm, 1),
                                dx,
                                gradient};
  if (mask != nullptr) tensors.push_back(*mask);
  if (kept != nullptr) tensors.push_back(*kept);
  to.append_plan(norm.name + " backward", batch_norm_backward(to.dims(node), to.type, fusion),
                 std::move(tensors));
  if (to.needs_gradient(branch.source)) to.add_gradient(branch.source, dx);
}

void combine_backward(Lowering& to, const NormResidualPattern& pattern) {
  Location gradient = to.gradient(pattern.output);
  if (pattern.relu) {
    const ReluBackwardStep step{gradient, to.value(pattern.output).at,
                                to.allocate_value(pattern.output), to.values(pattern.output)};
    to.append(to.node(pattern.output).name + " backward", step);
    gradient = step.dx;
  }
  for (const ResidualBranch& branch : pattern.branches) {
    if (to.needs_gradient(branch.source)) to.add_gradient(branch.source, gradient);
  }
}

}  // namespace

void lower_norm_residual(Lowering& to, const NormResidualPattern& pattern) {
  if (!to.training || !has_norm(pattern)) {
    std::vector<Branch> branches;
    for (const ResidualBranch& branch : pattern.branches) {
      branches.push_back(inference_branch(to, branch));
    }
    return combine(to, pattern, std::move(branches));
  }
  const std::size_t main = main_branch(pattern);
  const bool has_residual = pattern.branches.size() == 2;
  Location residual;
  if (has_residual) {
    const ResidualBranch& other = pattern.branches[1 - main];
    residual = is_norm(other) ? normalise(to, other, {}, nullptr, pattern.output)
                              : to.value(other.source).at;
  }
  // cuDNN has no plan for normalising and adding where no ReLU follows.
  const bool adds_in_plan = has_residual && pattern.relu;
  const Location y = normalise(to, pattern.branches[main], {adds_in_plan, pattern.relu},
                               adds_in_plan ? &residual : nullptr, pattern.output);
  if (!has_residual || adds_in_plan) return to.set_value(pattern.output, y);
  combine(to, pattern, {as_it_is(to.use(y)), as_it_is(to.use(residual))});
}

void lower_norm_residual_backward(Lowering& to, const NormResidualPattern& pattern) {
  if (!has_norm(pattern)) return combine_backward(to, pattern);
  const std::size_t main = main_branch(pattern);
  const bool residual = pattern.branches.size() == 2;
  const Location gradient = to.gradient(pattern.output);
  const Location* mask = pattern.relu ? &to.masks.at(pattern.output) : nullptr;
  // The other branch's gradient: what the mask passes, or what came in.
  Location passed = gradient;
  const bool is_new = residual && mask != nullptr;
  if (is_new) passed = to.allocate_value(pattern.output);
  normalise_backward(to, pattern.branches[main], gradient, mask, is_new ? &passed : nullptr);
  if (!residual) return;
  const ResidualBranch& other = pattern.branches[1 - main];
  if (is_norm(other)) {
    normalise_backward(to, other, passed, nullptr, nullptr);
  } else if (to.needs_gradient(other.source)) {
    to.add_gradient(other.source, passed);
  }
}

}  // namespace resnext::net::cuda
