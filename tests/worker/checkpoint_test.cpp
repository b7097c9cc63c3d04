#include "worker/checkpoint.h"

#include <algorithm>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/run_python.h"
#include "tests/worker/small_training.h"

namespace resnext::worker {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::vector<std::byte> small_checkpoint(std::uint64_t step = 3) {
  const net::Graph graph = small_graph();
  return encode_checkpoint(graph, small_state(graph, step), small_header());
}

/// The message of the exception that `action` throws.
template <typename Action>
std::string failure(const Action& action) {
  try {
    action();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no exception";
}

TEST(Checkpoint, ReadsBackEveryBit) {
  const TemporaryFolder folder;
  const net::Graph graph = small_graph();
  TrainingState state = small_state(graph, 3);
  state.seconds = 86400.125;
  put_bytes(folder / "c.h5", encode_checkpoint(graph, state, small_header()));
  const Checkpoint read = read_checkpoint(folder / "c.h5", graph);
  EXPECT_EQ(read.state.step, 3u);
  EXPECT_EQ(read.state.seconds, 86400.125);
  EXPECT_EQ(read.state.parameters, state.parameters);
  EXPECT_EQ(read.state.momentum, state.momentum);
  EXPECT_EQ(read.state.statistics, state.statistics);
  EXPECT_EQ(read.state.training.step, state.training.step);
  EXPECT_EQ(read.state.training.epoch, state.training.epoch);
  EXPECT_EQ(read.state.training.loss, state.training.loss);
  EXPECT_EQ(read.state.training.top1_error, state.training.top1_error);
  EXPECT_EQ(read.state.training.learning_rate, state.training.learning_rate);
  EXPECT_EQ(read.state.training.images_per_second, state.training.images_per_second);
  EXPECT_EQ(read.state.training.data_wait, state.training.data_wait);
  EXPECT_EQ(read.state.validation.step, state.validation.step);
  EXPECT_EQ(read.state.validation.top5_error, state.validation.top5_error);
  EXPECT_EQ(read.header.experiment, small_header().experiment);
  EXPECT_EQ(read.header.provenance, small_header().provenance);
}

TEST(Checkpoint, AveragesClassNamesAndNormsAreThereOnlyWhereTheyAre) {
  const TemporaryFolder folder;
  const net::Graph graph = small_graph();
  TrainingState state = small_state(graph, 2);
  CheckpointHeader header = small_header();
  put_bytes(folder / "without.h5", encode_checkpoint(graph, state, header));
  const Checkpoint without = read_checkpoint(folder / "without.h5", graph);
  EXPECT_TRUE(without.state.average.empty());
  EXPECT_TRUE(without.state.average_statistics.empty());
  EXPECT_TRUE(without.state.training.gradient_norm.empty());
  EXPECT_TRUE(without.header.class_names.empty());

  state.average.assign(graph.parameter_count, 0.25F);
  state.average.back() = 7;
  state.average_statistics.assign(graph.statistic_count, 0.5F);
  state.training.gradient_norm = {3, 4};
  header.class_names = {"cat", "", "b\xC3\xA4r"};
  put_bytes(folder / "with.h5", encode_checkpoint(graph, state, header));
  const Checkpoint with = read_checkpoint(folder / "with.h5", graph);
  EXPECT_EQ(with.state.average, state.average);
  EXPECT_EQ(with.state.average_statistics, state.average_statistics);
  EXPECT_EQ(with.state.training.gradient_norm, state.training.gradient_norm);
  EXPECT_EQ(with.header.class_names, header.class_names);
  state.average.pop_back();
  EXPECT_THROW(encode_checkpoint(graph, state, header), std::logic_error);
}

TEST(Checkpoint, OfAStepBeforeTheFirst) {
  const TemporaryFolder folder;
  const net::Graph graph = small_graph();
  TrainingState state = small_state(graph, 0);
  state.validation = {};
  put_bytes(folder / "c.h5", encode_checkpoint(graph, state, small_header()));
  const Checkpoint read = read_checkpoint(folder / "c.h5", graph);
  EXPECT_EQ(read.state.step, 0u);
  EXPECT_TRUE(read.state.training.loss.empty());
  EXPECT_TRUE(read.state.validation.step.empty());
}

TEST(Checkpoint, OfAWholeNetwork) {
  const TemporaryFolder folder;
  const net::Graph graph =
      net::build_graph(net::parse_spec("resnext11_4x4d_cifar_w16"), {3, 32, 32}, 10);
  const TrainingState state = small_state(graph, 2);
  put_bytes(folder / "c.h5", encode_checkpoint(graph, state, small_header()));
  EXPECT_EQ(read_checkpoint(folder / "c.h5", graph).state.parameters, state.parameters);
}

TEST(Checkpoint, H5pyReadsNamesShapesAndValues) {
  const TemporaryFolder folder;
  put_bytes(folder / "c.h5", small_checkpoint());
  const std::string output = run_python(R"(
import json, sys, h5py
with h5py.File(sys.argv[1], "r") as f:
    print(sorted(f), int(f.attrs["step"]), f.attrs["format"], int(f.attrs["format_version"]))
    print(f.attrs["model"], json.loads(f.attrs["experiment"])["seed"],
          ascii(json.loads(f.attrs["provenance"])["host"]))
    for group in ("parameters", "momentum", "statistics"):
        for name, d in sorted(f[group].items()):
            print(group, name, d.shape, d.dtype, d[()].flat[0], d[()].flat[-1])
    print(f["history/train/loss"][:].round(3).tolist(), f["history/train/loss"].attrs["unit"])
    print(f["history/validation/top1_error"][:].tolist())
)",
                                        folder / "c.h5");
  EXPECT_EQ(output,
            "['history', 'momentum', 'parameters', 'statistics'] 3 resnext-checkpoint 1\n"
            "small 7 'b\\xfcro'\n"
            "parameters bn1.weight (5,) float32 4.875 5.375\n"
            "parameters conv1.weight (5, 2, 3, 3) float32 5.5 16.625\n"
            "parameters fc.weight (3, 5) float32 3.0 4.75\n"
            "momentum bn1.weight (5,) float32 -95.125 -94.625\n"
            "momentum conv1.weight (5, 2, 3, 3) float32 -94.5 -83.375\n"
            "momentum fc.weight (3, 5) float32 -97.0 -95.25\n"
            "statistics bn1.running_mean (5,) float32 1003.0 1003.5\n"
            "statistics bn1.running_var (5,) float32 1003.625 1004.125\n"
            "[2.3, 1.15, 0.767] nats\n"
            "[40.0]\n");
}

TEST(Checkpoint, CutAtAnyLengthIsTorn) {
  const TemporaryFolder folder;
  const std::vector<std::byte> whole = small_checkpoint();
  const std::string path = folder / "c.h5";
  put_bytes(path, whole);
  ASSERT_EQ(failure([&] { check_checkpoint(path); }), "no exception");
  for (std::size_t length = 0; length < whole.size();
       length += length + 1024 < whole.size() ? 37 : 1) {
    put_bytes(path, {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
    ASSERT_THAT(failure([&] { check_checkpoint(path); }), HasSubstr("c.h5: torn")) << length;
  }
}

TEST(Checkpoint, ZerosWhereTheEndShouldBeAreTorn) {
  const TemporaryFolder folder;
  std::vector<std::byte> bytes = small_checkpoint();
  std::fill(bytes.end() - 4096, bytes.end(), std::byte(0));  // a file system's unwritten block
  put_bytes(folder / "c.h5", bytes);
  EXPECT_THAT(failure([&] { check_checkpoint(folder / "c.h5"); }), HasSubstr("torn"));
}

TEST(Checkpoint, MoreBytesThanWrittenAreTorn) {
  const TemporaryFolder folder;
  std::vector<std::byte> bytes = small_checkpoint();
  bytes.insert(bytes.begin() + 100, std::byte(0));
  put_bytes(folder / "c.h5", bytes);
  EXPECT_THAT(failure([&] { check_checkpoint(folder / "c.h5"); }), HasSubstr("torn"));
}

TEST(Checkpoint, ABitFlippedAnywhereIsSeen) {
  const TemporaryFolder folder;
  const std::vector<std::byte> whole = small_checkpoint();
  const std::string path = folder / "c.h5";
  constexpr std::size_t kTrailer = 63;
  for (std::size_t at = 0; at < whole.size(); at += at + 256 < whole.size() ? 13 : 1) {
    std::vector<std::byte> bytes = whole;
    bytes[at] ^= std::byte(1) << (at % 8);
    put_bytes(path, bytes);
    const std::string reason = failure([&] { check_checkpoint(path); });
    if (at + kTrailer < whole.size()) {
      ASSERT_THAT(reason, HasSubstr("c.h5: altered")) << at;
    } else {
      ASSERT_THAT(reason, AnyOf(HasSubstr("altered"), HasSubstr("torn"))) << at;
    }
  }
}

TEST(Checkpoint, AnotherModelNamesTheFirstTensorThatDiffers) {
  const TemporaryFolder folder;
  put_bytes(folder / "c.h5", small_checkpoint());
  const auto reason = [&](const net::Graph& graph) {
    return failure([&] { read_checkpoint(folder / "c.h5", graph); });
  };
  net::Graph graph = small_graph();
  graph.parameters[0].shape = {5, 3};
  EXPECT_THAT(reason(graph), HasSubstr("c.h5: checkpoint of another model (small): "
                                       "/parameters/fc.weight is 3x5 there, 5x3 here"));
  graph.parameters[2].shape = {10, 1, 3, 3};  // nearer to the input
  EXPECT_THAT(reason(graph), HasSubstr("/parameters/conv1.weight is 5x2x3x3 there, 10x1x3x3 here"));
  graph = small_graph();
  graph.parameters[1].name = "bn2.weight";
  EXPECT_THAT(reason(graph), HasSubstr("it has no /parameters/bn2.weight"));
  graph = small_graph();
  graph.statistics.pop_back();
  EXPECT_THAT(reason(graph), HasSubstr("/statistics/bn1.running_var is not in this model"));
}

TEST(Checkpoint, AStateOfOtherSizeIsABug) {
  const net::Graph graph = small_graph();
  TrainingState state = small_state(graph, 1);
  state.momentum.pop_back();
  EXPECT_THROW(encode_checkpoint(graph, state, {}), std::logic_error);
}

TEST(FindNewestCheckpoint, ByStepNotByName) {
  const TemporaryFolder folder;
  for (const std::uint64_t step : {9, 10, 2}) {
    put_bytes(folder / fmt::format("checkpoint-{}.h5", step), small_checkpoint(step));
  }
  put_bytes(folder / "checkpoint-99.h5.partial", {});
  put_bytes(folder / "checkpoint-best.h5", {});
  std::vector<std::string> damaged;
  EXPECT_EQ(find_newest_checkpoint(folder.path(), damaged), folder / "checkpoint-10.h5");
  EXPECT_TRUE(damaged.empty());
}

TEST(FindNewestCheckpoint, PassesOverTheDamagedAndSaysSo) {
  const TemporaryFolder folder;
  put_bytes(folder / "checkpoint-1.h5", small_checkpoint(1));
  std::vector<std::byte> bytes = small_checkpoint(2);
  bytes[bytes.size() / 2] ^= std::byte(16);
  put_bytes(folder / "checkpoint-2.h5", bytes);
  bytes = small_checkpoint(3);
  bytes.resize(bytes.size() - 1);
  put_bytes(folder / "checkpoint-3.h5", bytes);
  std::vector<std::string> damaged;
  EXPECT_EQ(find_newest_checkpoint(folder.path(), damaged), folder / "checkpoint-1.h5");
  ASSERT_EQ(damaged.size(), 2u);
  EXPECT_THAT(damaged[0], HasSubstr("checkpoint-3.h5: torn"));
  EXPECT_THAT(damaged[1], HasSubstr("checkpoint-2.h5: altered"));
}

TEST(FindNewestCheckpoint, NoneInAnEmptyOrMissingFolder) {
  const TemporaryFolder folder;
  std::vector<std::string> damaged;
  EXPECT_EQ(find_newest_checkpoint(folder.path(), damaged), std::nullopt);
  EXPECT_EQ(find_newest_checkpoint(folder / "missing", damaged), std::nullopt);
  EXPECT_TRUE(damaged.empty());
}

}  // namespace
}  // namespace resnext::worker
