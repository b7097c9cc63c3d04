#pragma once
// resnext-info --plan: its options, and what it does with them.

#include <boost/program_options.hpp>

#include "net/graph.h"

namespace resnext::net {

void add_plan_options(boost::program_options::options_description& options);

/// Throws cli::UsageError where an option was given that goes with MODEL and --plan only.
void refuse_plan_options(const boost::program_options::variables_map& values);

/// Whether --plan asks for the description of the GPU at hand.
bool describes_present_gpu(const boost::program_options::variables_map& values);

/// Prints that description, and returns the exit code. Throws std::runtime_error without a GPU.
int print_present_gpu(const boost::program_options::variables_map& values);

/// Prints the plan for training `graph`, and returns the exit code. Throws cli::UsageError for bad
/// options, and std::runtime_error where the run would not work, or nothing can be planned.
int run_plan_command(const boost::program_options::variables_map& values, const Graph& graph);

}  // namespace resnext::net
