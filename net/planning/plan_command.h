#pragma once
// resnext-info --plan: its options, and what it does with them.

#include <optional>
#include <string>

#include <boost/program_options.hpp>

#include "net/graph.h"

namespace resnext::net {

void add_plan_options(boost::program_options::options_description& options);

/// Throws cli::UsageError where an option of --plan was given without it.
void refuse_plan_options(const boost::program_options::variables_map& values);

/// Prints the plan (without `graph`, for `--plan this`: the present GPU's description), and returns
/// the exit code. Throws cli::UsageError for bad options, and std::runtime_error where the run
/// would not work, or where nothing can be planned.
int run_plan_command(const boost::program_options::variables_map& values,
                     const std::optional<Graph>& graph);

}  // namespace resnext::net
