#pragma once
// Any engine keeps the same promises: the tests of engine_*_test.cpp and golden_training_test.cpp
// are linked once for each kind, which says here how one is made.

#include <memory>

#include "net/engine.h"

namespace resnext::net {

/// `threads`: for engines that compute on the host.
std::unique_ptr<Engine> make_engine_under_test(const Graph& graph,
                                               const Normalisation& normalisation, int threads);

/// How many random graphs it is tried on: fewer where each takes long to compile.
extern const unsigned kRandomGraphs;

}  // namespace resnext::net
