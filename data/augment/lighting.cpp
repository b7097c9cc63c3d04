#include "data/augment/lighting.h"

#include <cstddef>

namespace resnext::data {
namespace {

// Of the published code (fb.resnet.torch, datasets/imagenet.lua); component i is column i.
constexpr std::array<double, 3> kEigenvalues = {0.2175, 0.0188, 0.0045};
constexpr std::array<std::array<double, 3>, 3> kEigenvectors = {
    {{-0.5675, 0.7192, 0.4009}, {-0.5808, -0.0045, -0.8140}, {-0.5836, -0.6948, 0.4203}}};

}  // namespace

LightingAlphas draw_lighting(double deviation, Draws& draws) {
  LightingAlphas alphas;
  for (double& alpha : alphas) alpha = deviation * draws.normal();
  return alphas;
}

std::array<double, 3> lighting_shift(const LightingAlphas& alphas) {
  std::array<double, 3> shift{};
  for (std::size_t channel = 0; channel < shift.size(); ++channel)
    for (std::size_t i = 0; i < alphas.size(); ++i)
      shift[channel] += kEigenvectors[channel][i] * alphas[i] * kEigenvalues[i];
  return shift;
}

}  // namespace resnext::data
