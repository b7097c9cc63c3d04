#pragma once
// The published code's Lighting: AlexNet's noise along the principal components of ImageNet's
// colours.

#include <array>

#include "data/random.h"

namespace resnext::data {

/// How far to go along each principal component, in units of its eigenvalue.
using LightingAlphas = std::array<double, 3>;

/// Three independent normal draws of mean 0.
LightingAlphas draw_lighting(double deviation, Draws& draws);

/// What is added to red, green and blue, in units of full intensity: the sum over the components of
/// eigenvector * alpha * eigenvalue.
std::array<double, 3> lighting_shift(const LightingAlphas& alphas);

}  // namespace resnext::data
