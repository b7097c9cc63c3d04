#pragma once
// An engine that computes in bf16, as bf16_training_test.cpp takes it; made by the same sources as
// the one of engine_under_test.h.

#include <bit>
#include <cstdint>
#include <memory>

#include "net/engine.h"
#include "tests/net/reference_network.h"

namespace resnext::net {

/// On one thread, where it computes on the host.
std::unique_ptr<Engine> make_bf16_engine_under_test(const Graph& graph,
                                                    const Normalisation& normalisation);

/// Where it stores bf16.
ReferenceRounding stored_rounding(const Graph& graph);

/// Whether it rounds linear layers' weights, as it does convolutions'.
extern const bool kRoundsMatrices;

/// How far it may be from the step in double: of gradients and statistics the difference over the
/// size in the L2 norm, of the loss its share.
struct Bf16Tolerances {
  double gradient, statistic, loss;
};
extern const Bf16Tolerances kBf16Tolerances;

/// To the nearest of 8 bits of mantissa, ties to even.
inline double to_bf16(double value) {
  std::uint32_t bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
  bits += 0x7FFF + (bits >> 16 & 1);
  return std::bit_cast<float>(bits & 0xFFFF0000U);
}

}  // namespace resnext::net
