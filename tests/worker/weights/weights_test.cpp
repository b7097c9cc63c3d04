#include "worker/weights/weights.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "data/hdf5.h"
#include "net/block_form.h"
#include "net/engine.h"
#include "net/initialise.h"
#include "tests/worker/run_python.h"
#include "tests/worker/small_training.h"
#include "worker/weights/fitting_models.h"
#include "worker/weights/tensor_file.h"

namespace resnext::worker {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

const std::string kModel = "resnext11_4x4d_cifar_w16";

net::Graph graph_of(const std::string& model, int classes = 10, int channels = 3) {
  return net::build_graph(net::parse_spec(model), {channels, 32, 32}, classes);
}

/// Runs with `tensors`: those of FILE.safetensors by name, which it may change, and writes them
/// back.
std::string edit(const std::string& path, const std::string& script) {
  return run_python(
      "import sys, numpy as np\n"
      "sys.dont_write_bytecode = True\n"
      "sys.path.insert(0, '" RESNEXT_SOURCE_DIR
      "/tests/golden')\n"
      "from formula_weights import *\n"
      "tensors, metadata = read_safetensors(sys.argv[1])\n" +
          script + "\nwrite_safetensors(sys.argv[1], tensors, metadata)\n",
      path);
}

/// A folder with the same weights as "w.safetensors" and "w.h5".
class ReadWeights : public ::testing::Test {
 protected:
  ReadWeights() {
    state.parameters = weights.parameters;
    state.momentum.resize(graph.parameter_count);
    state.statistics = weights.statistics;
    put_bytes(h5, encode_checkpoint(graph, state, {}));
    write_weights(safetensors, graph, weights);
  }

  static Weights numbered(const net::Graph& graph) {
    Weights weights;
    for (std::size_t i = 0; i < graph.parameter_count; ++i) weights.parameters.push_back(float(i));
    for (std::size_t i = 0; i < graph.statistic_count; ++i) {
      weights.statistics.push_back(1e6F + float(i));
    }
    return weights;
  }

  static std::string failure(const std::string& path, const net::Graph& graph,
                             const std::vector<std::string>& skip = {}) {
    try {
      read_weights(path, graph, skip);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return "no exception";
  }

  const net::Graph graph = graph_of(kModel);
  const Weights weights = numbered(graph);
  TrainingState state;
  TemporaryFolder folder;
  const std::string h5 = folder / "w.h5", safetensors = folder / "w.safetensors";
};

TEST_F(ReadWeights, OfBothFormatsByContentNotByName) {
  std::filesystem::rename(h5, folder / "a");
  std::filesystem::rename(safetensors, folder / "b.h5");
  for (const char* name : {"a", "b.h5"}) {
    const Weights read = read_weights(folder / name, graph);
    EXPECT_EQ(read.parameters, weights.parameters);
    EXPECT_EQ(read.statistics, weights.statistics);
    EXPECT_THAT(read.source, HasSubstr(folder / name));
  }
}

TEST_F(ReadWeights, MovingAveragesWhereThereAreSuch) {
  for (const float value : weights.parameters) state.average.push_back(value + 0.5F);
  for (const float value : weights.statistics) state.average_statistics.push_back(value + 1.0F);
  put_bytes(h5, encode_checkpoint(graph, state, {}));
  const Weights read = read_weights(h5, graph);
  EXPECT_EQ(read.parameters, state.average);
  EXPECT_EQ(read.statistics, state.average_statistics);
  EXPECT_THAT(read.source, HasSubstr("averaged weights"));
}

TEST_F(ReadWeights, ADamagedCheckpointIsRefused) {
  std::vector<std::byte> bytes = encode_checkpoint(graph, state, {});
  bytes[bytes.size() / 2] ^= std::byte(1);
  put_bytes(h5, bytes);
  EXPECT_THAT(failure(h5, graph), HasSubstr("w.h5: altered"));
  bytes.resize(bytes.size() / 2);
  put_bytes(h5, bytes);
  EXPECT_THAT(failure(h5, graph), HasSubstr("w.h5: torn"));
}

TEST_F(ReadWeights, NamesAndOrderAreTorchvisions) {
  EXPECT_EQ(run_python("import sys\n"
                       "sys.dont_write_bytecode = True\n"
                       "sys.path.insert(0, '" RESNEXT_SOURCE_DIR "/tests/golden')\n"
                       "from formula_weights import *\n"
                       "tensors, metadata = read_safetensors(sys.argv[1])\n"
                       "print(metadata)\n"
                       "names = list(tensors)\n"
                       "for name in names[:6] + names[-2:]: print(name, tensors[name].shape)\n",
                       safetensors),
            "{'format': 'pt', 'model': '" + kModel +
                "'}\n"
                "conv1.weight (16, 3, 3, 3)\n"
                "bn1.weight (16,)\n"
                "bn1.bias (16,)\n"
                "bn1.running_mean (16,)\n"
                "bn1.running_var (16,)\n"
                "layer1.0.conv1.weight (16, 16, 1, 1)\n"
                "fc.weight (10, 256)\n"
                "fc.bias (10,)\n");
}

TEST_F(ReadWeights, WhatPyTorchAddsIsNoMatter) {
  ASSERT_EQ(
      edit(safetensors,
           "tensors = {'module.' + name: tensor for name, tensor in reversed(tensors.items())}\n"
           "tensors['module.bn1.num_batches_tracked'] = np.int64(3)"),
      "");
  EXPECT_EQ(read_weights(safetensors, graph).parameters, weights.parameters);
  ASSERT_EQ(edit(safetensors, "tensors['conv1.weight'] = tensors.pop('module.conv1.weight')"), "");
  EXPECT_THAT(failure(safetensors, graph), HasSubstr("there is no bn1.weight (16 here)"));
}

TEST_F(ReadWeights, NamesTheFirstTensorThatDiffersFromTheInputOn) {
  ASSERT_EQ(edit(safetensors,
                 "tensors['layer2.0.conv2.weight'] = np.zeros((32, 4, 3, 3), 'f4')\n"
                 "del tensors['fc.bias']\n"
                 "tensors['layer4.0.conv1.weight'] = np.zeros(3, 'f4')"),
            "");
  EXPECT_EQ(failure(safetensors, graph),
            safetensors + ": not the weights of " + kModel +
                ": layer2.0.conv2.weight is 32x4x3x3 there, 32x8x3x3 here");
  ASSERT_EQ(edit(safetensors, "tensors['layer2.0.conv2.weight'] = np.zeros((32, 8, 3, 3), 'f4')"),
            "");
  EXPECT_THAT(failure(safetensors, graph), EndsWith("there is no fc.bias (10 here)"));
  ASSERT_EQ(edit(safetensors, "tensors['fc.bias'] = np.zeros(10, 'f4')"), "");
  EXPECT_THAT(failure(safetensors, graph),
              EndsWith("layer4.0.conv1.weight (3) is not in this model"));
}

TEST_F(ReadWeights, HintsAtWhatIsMeant) {
  for (const std::string& path : {h5, safetensors}) {
    EXPECT_THAT(
        failure(path, graph_of(kModel, 7)),
        EndsWith("fc.weight is 10x256 there, 7x256 here; the number of classes differs (file 10, "
                 "this run 7): --init-skip fc would start the head afresh"));
    EXPECT_THAT(failure(path, graph_of(kModel, 10, 1)),
                EndsWith("the number of image channels differs (file 3, this run 1)"));
    EXPECT_THAT(failure(path, graph_of("resnext20_4x4d_cifar_w16")),
                AllOf(HasSubstr("there is no layer1.1.conv1.weight"),
                      EndsWith("; the file's tensors are those of " + kModel)));
  }
}

TEST_F(ReadWeights, SkippedTensorsGetTheirInitialValues) {
  const net::Graph other = graph_of(kModel, 7);
  std::vector<float> initial(other.parameter_count);
  net::initialise_parameters(other, 5, initial);
  for (const std::string& path : {h5, safetensors}) {
    const Weights read = read_weights(path, other, {"fc"}, 5);
    std::size_t fresh = 0;
    for (const net::Parameter& parameter : other.parameters) {
      const std::span<const float> values =
          std::span(read.parameters).subspan(parameter.offset, parameter.count);
      const std::span<const float> before =
          std::span(initial).subspan(parameter.offset, parameter.count);
      const bool same = std::equal(values.begin(), values.end(), before.begin());
      EXPECT_EQ(same, parameter.name.starts_with("fc.")) << parameter.name;
      fresh += same ? parameter.count : 0;
    }
    EXPECT_EQ(fresh, 7u * 257);
    EXPECT_EQ(read.statistics, weights.statistics);
    EXPECT_THAT(read.source, HasSubstr("initial values for fc"));
  }
  ASSERT_EQ(edit(safetensors, "del tensors['fc.weight'], tensors['bn1.running_var']"), "");
  EXPECT_THAT(failure(safetensors, other, {"fc"}), HasSubstr("there is no bn1.running_var"));
  EXPECT_EQ(read_weights(safetensors, other, {"fc.", "bn1"}).statistics[16], 1.0F);
  EXPECT_THAT(failure(h5, other, {"f"}), HasSubstr("--init-skip: no tensor of"));
}

TEST_F(ReadWeights, TheFileMayHaveAnotherBlockForm) {
  using enum net::BlockForm;
  for (const net::BlockForm form : {kSeparatePaths, kEarlyConcatenation}) {
    const net::Graph other = net::with_block_form(graph, form);
    const std::vector<float> parameters =
        net::converted_parameters(graph, weights.parameters, other);
    const std::vector<float> statistics =
        net::converted_statistics(graph, weights.statistics, other);
    ASSERT_NE(parameters, weights.parameters);
    const Weights read = read_weights(safetensors, other);
    EXPECT_EQ(read.parameters, parameters);
    EXPECT_EQ(read.statistics, statistics);
    write_weights(folder / "other.safetensors", other, read);
    const Weights back = read_weights(folder / "other.safetensors", graph);
    EXPECT_EQ(back.parameters, weights.parameters);
    EXPECT_EQ(back.statistics, weights.statistics);
  }
}

TEST_F(ReadWeights, ValuesThatNoWeightCanHave) {
  const auto failure_with = [&](const std::string& name, const std::string& value) {
    write_weights(safetensors, graph, weights);
    EXPECT_EQ(edit(safetensors, fmt::format("tensors['{0}'] = tensors['{0}'].astype('f8')\n"
                                            "tensors['{0}'].flat[5] = {1}",
                                            name, value)),
              "");
    return failure(safetensors, graph);
  };
  EXPECT_EQ(failure_with("layer1.0.conv2.weight", "0.0"), "no exception");
  EXPECT_EQ(failure_with("layer1.0.conv2.weight", "np.nan"),
            safetensors + ": layer1.0.conv2.weight: value 5 is nan, which no weight can be");
  EXPECT_THAT(failure_with("fc.bias", "-np.inf"), HasSubstr("fc.bias: value 5 is -inf"));
  EXPECT_THAT(failure_with("fc.bias", "1e39"), HasSubstr("fc.bias: value 5 is inf"));  // in fp32
  EXPECT_THAT(failure_with("bn1.running_mean", "np.nan"), HasSubstr("bn1.running_mean: value 5"));
  EXPECT_EQ(failure_with("bn1.running_mean", "-1.0"), "no exception");
  EXPECT_THAT(failure_with("bn1.running_var", "-1.0"),
              HasSubstr("bn1.running_var: value 5 is -1, which no variance can be"));
}

TEST_F(ReadWeights, FilesOfOtherKinds) {
  const auto put = [&](const std::string& bytes) {
    std::ofstream(folder / "x", std::ios::binary) << bytes;
    return failure(folder / "x", graph);
  };
  const std::string zip = std::string("PK\3\4") + std::string(100, '\0');
  EXPECT_THAT(put(zip), HasSubstr("scripts/pth_to_safetensors.py converts it"));
  EXPECT_THAT(put("\x80\x02}q"), HasSubstr("scripts/pth_to_safetensors.py converts it"));
  EXPECT_THAT(put(""), HasSubstr("x: neither a checkpoint of this program nor a safetensors file"));
  EXPECT_THAT(put("step,loss\n1,2.3\n"), HasSubstr("x: neither"));
  EXPECT_THAT(failure(folder / "none", graph), EndsWith("none: No such file or directory"));
  EXPECT_THAT(failure(folder.path(), graph), EndsWith("not a file"));
}

TEST_F(ReadWeights, RecognisesTheModel) {
  EXPECT_THAT(fitting_models(open_tensor_file(h5)), ElementsAre(kModel));
  write_weights(safetensors, graph_of("resnext20_2x3d_cifar_w8", 3, 1),
                numbered(graph_of("resnext20_2x3d_cifar_w8", 3, 1)));
  EXPECT_THAT(fitting_models(open_tensor_file(safetensors)),
              ElementsAre("resnext20_2x3d_cifar_w8"));  // known by the file's own word only
  ASSERT_EQ(edit(safetensors, "metadata['model'] = '\\n; rm -r'"), "");
  EXPECT_THAT(fitting_models(open_tensor_file(safetensors)), IsEmpty());
}

// Through torchvision's own class; make_torchvision_logits.py also took these weights through
// torch.save and pth_to_safetensors.py.
TEST(Torchvision, AResNeXtLoadedHereGivesItsLogits) {
  const std::string golden = RESNEXT_SOURCE_DIR "/tests/golden/torchvision_logits.h5";
  const TemporaryFolder folder;
  ASSERT_EQ(
      run_python(
          "import sys, h5py\n"
          "sys.dont_write_bytecode = True\n"
          "sys.path.insert(0, '" RESNEXT_SOURCE_DIR "/tests/golden')\n"
          "from formula_weights import *\n"
          "with h5py.File('" +
              golden +
              "', 'r') as file:\n"
              "    write_safetensors(sys.argv[1], {n: values(n, [e for e in s if e >= 0])\n"
              "                      for n, s in zip(file.attrs['names'], file['shapes'])})\n",
          folder / "w.safetensors"),
      "");
  const auto file = data::hdf5::File::open(golden);
  const std::vector<float> images = file.read<float>("/images");
  const std::vector<float> expected = file.read<float>("/logits");
  const data::hdf5::Dimensions shape = file.dataset("/images").dimensions();
  const net::Graph graph =
      net::build_graph(net::parse_spec(file.string_attribute("/", "model")),
                       {3, static_cast<int>(shape[2]), static_cast<int>(shape[3])}, 10);
  const Weights weights = read_weights(folder / "w.safetensors", graph);
  const auto engine = net::make_cpu_engine(graph, {{0, 0, 0}, {1, 1, 1}}, 1);
  engine->set_parameters(weights.parameters);
  net::Batch batch;
  batch.size = static_cast<int>(shape[0]);
  batch.normalised = images;
  std::vector<float> logits(expected.size());
  engine->evaluate(batch, weights.statistics, logits);
  float largest = 0, difference = 0;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    difference = std::max(difference, std::abs(logits[i] - expected[i]));
  }
  EXPECT_GT(largest, 1.0F);
  EXPECT_LT(difference, 1e-4F * largest);
}

}  // namespace
}  // namespace resnext::worker
