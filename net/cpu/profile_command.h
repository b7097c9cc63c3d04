#pragma once
// `resnext-info MODEL --engine cpu`: how this machine computes a model, layer by layer.

#include <boost/program_options.hpp>

#include "net/graph.h"

namespace resnext::net {

void add_profile_options(boost::program_options::options_description& options);

/// Throws cli::UsageError where an option is given that needs --engine.
void refuse_profile_options(const boost::program_options::variables_map& values);

/// Measures and prints; the exit code. Throws cli::UsageError for a bad option.
int run_profile_command(const boost::program_options::variables_map& values, const Graph& graph);

}  // namespace resnext::net
