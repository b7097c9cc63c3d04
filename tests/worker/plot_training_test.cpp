// scripts/plot_training.py on result files that the worker wrote.

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/run_python.h"
#include "tests/worker/small_training.h"
#include "worker/result_file.h"

namespace resnext::worker {
namespace {

using ::testing::HasSubstr;

struct Plotted {
  int exit_code = -1;
  std::string output;
};

Plotted plot(const std::string& arguments) {
  const std::string command = RESNEXT_SOURCE_DIR "/scripts/plot_training.py " + arguments + " 2>&1";
  FILE* pipe = popen(command.c_str(), "r");
  Plotted result;
  std::array<char, 4096> buffer{};
  for (std::size_t count = 0; (count = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    result.output.append(buffer.data(), count);
  }
  result.exit_code = WEXITSTATUS(pclose(pipe));
  return result;
}

TEST(PlotTraining, DrawsBothCurves) {
  const TemporaryFolder folder;
  const TrainingState state = small_state(small_graph(), 40);
  publish_result(folder / "run.h5", {{{"model", "m"}, {"dataset", "d"}, {"scale", "s"}}, {}},
                 state.training, state.validation);
  const Plotted plotted = plot((folder / "run.h5") + " -o " + (folder / "out.png"));
  EXPECT_EQ(plotted.exit_code, 0) << plotted.output;
  EXPECT_EQ(plotted.output, (folder / "out.png") + "\n");
  // The training and validation colours are there, in both halves of the picture.
  EXPECT_EQ(run_python(R"(
import sys
import numpy as np
from PIL import Image
picture = np.asarray(Image.open(sys.argv[1]).convert("RGB")).astype(int)
for half in np.array_split(picture, 2, axis=1):
    for colour in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        print((abs(half - colour).max(axis=2) < 8).sum() > 50)
)",
                       folder / "out.png"),
            "True\nTrue\nTrue\nTrue\n");
}

TEST(PlotTraining, ErrorsAreOneLine) {
  const TemporaryFolder folder;
  publish_result(folder / "empty.h5", {}, {}, {});
  put_bytes(folder / "text.h5", {std::byte('x')});
  const net::Graph graph = small_graph();
  put_bytes(folder / "c.h5", encode_checkpoint(graph, small_state(graph, 3), small_header()));
  const std::array<std::pair<std::string, std::string>, 4> cases{
      {{"missing.h5", "missing.h5: no such file"},
       {"empty.h5", "nothing to plot yet"},
       {"text.h5", "cannot be read as HDF5"},
       {"c.h5", "not a result file: it has no /train/epoch"}}};
  for (const auto& [file, message] : cases) {
    const Plotted plotted = plot(folder / file);
    EXPECT_EQ(plotted.exit_code, 1);
    EXPECT_THAT(plotted.output, HasSubstr("plot_training.py: error: "));
    EXPECT_THAT(plotted.output, HasSubstr(message));
    EXPECT_EQ(std::count(plotted.output.begin(), plotted.output.end(), '\n'), 1) << plotted.output;
  }
}

}  // namespace
}  // namespace resnext::worker
