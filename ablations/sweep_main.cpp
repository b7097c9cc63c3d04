// resnext-sweep: a table of the paper from one command.

#include "ablations/sweep.h"
#include "ablations/sweep_options.h"
#include "cli/program.h"

int main(int argc, char** argv) {
  return resnext::cli::run_program("resnext-sweep", argc, argv, [](const auto& arguments) {
    const auto options = resnext::ablations::parse_sweep_options(arguments);
    return options ? resnext::ablations::sweep(*options) : resnext::cli::kSuccess;
  });
}
