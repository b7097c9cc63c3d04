// Against tests/golden/formula_weights.py, which reads and writes the format with NumPy alone.

#include "worker/weights/safetensors.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/worker/run_python.h"
#include "tests/worker/small_training.h"

namespace resnext::worker {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kPreamble =
    "import sys, numpy as np\n"
    "sys.dont_write_bytecode = True\n"
    "sys.path.insert(0, '" RESNEXT_SOURCE_DIR
    "/tests/golden')\n"
    "from formula_weights import *\n"
    "path = sys.argv[1]\n";

/// What Python prints of the file, or writes there.
std::string python(const std::string& script, const std::string& path) {
  return run_python(kPreamble + script, path);
}

/// A file of this header, as it stands, and so many bytes of data.
void put_file(const std::string& path, const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  bytes += header + std::string(data_bytes, '\1');
  std::ofstream(path, std::ios::binary) << bytes;
}

/// The message when opening the file and reading all of it, or "no exception".
std::string failure(const std::string& path) {
  try {
    SafetensorsFile file(path);
    for (const SafetensorsEntry& entry : file.entries()) file.read(entry);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no exception";
}

class Safetensors : public ::testing::Test {
 protected:
  std::string failure_of(const std::string& header, std::size_t data_bytes) const {
    put_file(path, header, data_bytes);
    return failure(path);
  }

  TemporaryFolder folder;
  const std::string path = folder / "w.safetensors";
};

TEST_F(Safetensors, EveryHalfAndTheirNeighboursAsNumPyConvertsThem) {
  ASSERT_EQ(python(R"(
bits = np.arange(65536, dtype="<u2")
double = np.array([0.1, -1e-40, 1e300, 3.4028235677973366e38, 1 + 2.0**-24], "<f8")
with np.errstate(over="ignore"):
    single = double.astype("<f4")
write_safetensors(path, {
    "half": bits.view("<f2").reshape(256, 256), "half32": bits.view("<f2").astype("<f4"),
    "bfloat": ("BF16", [65536], bits.tobytes()), "bfloat32": (bits.astype("<u4") << 16).view("<f4"),
    "double": double, "double32": single, "count": np.int64(5)}, {"format": "pt"})
)",
                   path),
            "");
  SafetensorsFile file(path);
  EXPECT_EQ(file.metadata().at("format"), "pt");
  ASSERT_EQ(file.entries().size(), 7u);
  EXPECT_THAT(file.entries()[0].shape, ElementsAre(256u, 256u));
  EXPECT_EQ(file.entries()[0].dtype, "F16");
  EXPECT_TRUE(file.entries()[6].shape.empty());
  for (std::size_t i = 0; i < 6; i += 2) {
    const std::vector<float> ours = file.read(file.entries()[i]);
    const std::vector<float> numpys = file.read(file.entries()[i + 1]);
    ASSERT_EQ(ours.size(), numpys.size());
    for (std::size_t j = 0; j < ours.size(); ++j) {
      if (std::isnan(numpys[j])) {
        EXPECT_TRUE(std::isnan(ours[j])) << file.entries()[i].name << j;
      } else {
        EXPECT_EQ(std::bit_cast<std::uint32_t>(ours[j]), std::bit_cast<std::uint32_t>(numpys[j]))
            << file.entries()[i].name << j;
      }
    }
  }
  EXPECT_THAT(failure(path), HasSubstr("tensor 'count' is I64; weights are F64, F32, F16 or BF16"));
}

TEST_F(Safetensors, PythonReadsWhatIsWritten) {
  const std::vector<float> values = {1.5F, -2.25F, 3e-40F, 2e38F, 5, 6, 7};
  const std::vector<SafetensorsTensor> tensors = {{"z.weight", {2, 3}, std::span(values).first(6)},
                                                  {"a", {1}, std::span(values).last(1)}};
  write_safetensors(path, tensors, {{"format", "pt"}, {"model", "m\xC3\xBC"}});
  EXPECT_EQ(python(R"(
tensors, metadata = read_safetensors(path)
for name, tensor in tensors.items():
    print(name, tensor.dtype, tensor.tolist() == [[1.5, -2.25, float(np.float32(3e-40))],
          [float(np.float32(2e38)), 5, 6]] or tensor.tolist())
print(ascii(metadata))
data = open(path, "rb").read()
print((8 + int.from_bytes(data[:8], "little")) % 8, len(data) - 8 - int.from_bytes(data[:8], "little"))
)",
                   path),
            "z.weight float32 True\n"
            "a float32 [7.0]\n"
            "{'format': 'pt', 'model': 'm\\xfc'}\n"
            "0 28\n");
  EXPECT_FALSE(std::filesystem::exists(path + ".partial"));
  SafetensorsFile file(path);
  EXPECT_EQ(file.read(file.entries()[0]), std::vector<float>(values.begin(), values.end() - 1));
}

TEST_F(Safetensors, CannotBeWrittenWhereThereIsNoFolder) {
  EXPECT_THROW(write_safetensors(folder / "no/w.safetensors", {}, {}), std::runtime_error);
}

TEST_F(Safetensors, CutAtAnyLength) {
  ASSERT_EQ(python("write_safetensors(path, {'a': np.ones((2, 3), 'f4'), 'b': np.ones(4)})", path),
            "");
  ASSERT_EQ(failure(path), "no exception");
  for (std::uintmax_t length = std::filesystem::file_size(path); length-- > 0;) {
    std::filesystem::resize_file(path, length);
    ASSERT_THAT(failure(path), AllOf(StartsWith(path + ": truncated: "), Not(HasSubstr("\n"))))
        << length;
  }
}

TEST_F(Safetensors, TheHeaderIsNotWhatItShouldBe) {
  EXPECT_EQ(failure_of("{}", 0), "no exception");
  EXPECT_EQ(failure_of("{}   ", 0), "no exception");  // padding
  EXPECT_THAT(failure_of(" {}", 0), HasSubstr("does not begin with '{'"));
  EXPECT_THAT(failure_of("{\"a\": 1", 0), HasSubstr("damaged: the header is not JSON"));
  EXPECT_THAT(failure_of("{\"a\xFF\": 1}", 0), HasSubstr("damaged: the header is not JSON"));
  EXPECT_THAT(failure_of("{} {}", 0), HasSubstr("damaged: the header is not JSON"));
  EXPECT_THAT(failure_of("{\"a\": " + std::string(100'000, '['), 0), HasSubstr("nested too deep"));
  EXPECT_THAT(failure_of("{\"__metadata__\": {\"a\": 1}}", 0), HasSubstr("'__metadata__'"));
}

TEST_F(Safetensors, AnAbsurdHeaderLengthTakesNoMemory) {
  for (const std::uint64_t length : {~std::uint64_t(0), std::uint64_t(1) << 63, 100'000'001ul}) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), 8);
    file << "{}";
    file.close();
    EXPECT_THAT(failure(path), HasSubstr("the most is 100000000"));
  }
  const std::uint64_t length = 99'999'999;
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(&length), 8) << "{}";
  EXPECT_THAT(failure(path), HasSubstr("truncated: a header of 99999999 bytes in a file of 10"));
}

TEST_F(Safetensors, AnEntryIsNotWhatItShouldBe) {
  for (const std::string entry :
       {"1", "null", "[]", "{}", R"({"dtype": "F32", "shape": [1]})",
        R"({"dtype": "F32", "shape": 1, "data_offsets": [0, 4]})",
        R"({"dtype": 32, "shape": [1], "data_offsets": [0, 4]})",
        R"({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]})",
        R"({"dtype": "F32", "shape": [1.0], "data_offsets": [0, 4]})",
        R"({"dtype": "F32", "shape": ["1"], "data_offsets": [0, 4]})",
        R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 4]})",
        R"({"dtype": "F32", "shape": [1], "data_offsets": [0]})",
        R"({"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "x": 1})"}) {
    EXPECT_THAT(failure_of("{\"fc.bias\": " + entry + "}", 4),
                AllOf(StartsWith(path + ": damaged: "), HasSubstr("'fc.bias'")))
        << entry;
  }
}

TEST_F(Safetensors, ShapesAndBytesDisagree) {
  const auto reason = [&](const std::string& dtype, const std::string& shape,
                          const std::string& offsets) {
    return failure_of(
        fmt::format(R"({{"w": {{"dtype": "{}", "shape": [{}], "data_offsets": [{}]}}}})", dtype,
                    shape, offsets),
        24);
  };
  EXPECT_EQ(reason("F32", "2, 3", "0, 24"), "no exception");
  EXPECT_EQ(reason("F64", "3", "0, 24"), "no exception");
  const auto names_it = HasSubstr("damaged: tensor 'w', F32 of shape [");
  EXPECT_THAT(reason("F32", "2, 2", "0, 24"), names_it);
  EXPECT_THAT(reason("F32", "", "0, 24"), names_it);
  EXPECT_THAT(reason("F32", "2, 3", "24, 0"), names_it);
  EXPECT_THAT(reason("F32", "4611686018427387904, 4", "0, 0"), names_it);  // 2^64 bytes
  EXPECT_THAT(reason("F32", "4294967296, 4294967296, 0", "0, 24"), names_it);
  EXPECT_THAT(reason("F7", "2, 3", "0, 24"), HasSubstr("tensor 'w' has the unknown type 'F7'"));
  EXPECT_THAT(reason("F32", "7", "0, 28"), HasSubstr("truncated: tensor 'w' ends at byte 28"));
  EXPECT_THAT(reason("F32", "5", "0, 20"), HasSubstr("the tensors end at byte 20 of the data"));
  EXPECT_THAT(reason("F32", "5", "4, 24"), HasSubstr("there is a hole"));
}

TEST_F(Safetensors, OverlapsHolesAndDoubles) {
  const auto entry = [](const std::string& name, int begin, int end) {
    return fmt::format(R"("{}": {{"dtype": "U8", "shape": [{}], "data_offsets": [{}, {}]}})", name,
                       end - begin, begin, end);
  };
  const auto reason = [&](const std::string& one, const std::string& other) {
    return failure_of("{" + one + ", " + other + "}", 8);
  };
  EXPECT_THAT(reason(entry("a", 0, 4), entry("b", 4, 8)), HasSubstr("'a' is U8"));  // else sound
  EXPECT_THAT(reason(entry("a", 0, 5), entry("b", 4, 8)),
              HasSubstr("damaged: tensor 'b' begins at byte 4 of the data, but the one before it"));
  EXPECT_THAT(reason(entry("a", 0, 8), entry("b", 0, 8)), HasSubstr("damaged: tensor 'b' begins"));
  EXPECT_THAT(reason(entry("b", 5, 8), entry("a", 0, 4)),
              HasSubstr("damaged: tensor 'b' begins at byte 5 of the data, but there is a hole"));
  EXPECT_THAT(reason(entry("a", 0, 4), entry("a", 4, 8)), HasSubstr("the header has 'a' twice"));
  EXPECT_THAT(failure_of(R"({"a": {"dtype": "U8", "dtype": "U8"}})", 0),
              HasSubstr("the header has 'dtype' twice"));
}

TEST_F(Safetensors, ANameFromAStrangerStaysOneShortLine) {
  const std::string reason =
      failure_of(R"({"a\n\u001b[31m)" + std::string(1000, 'x') + R"(": 1})", 0);
  EXPECT_THAT(reason, AllOf(HasSubstr("'a??[31mxxx"), Not(HasSubstr("\n"))));
  EXPECT_LT(reason.size(), path.size() + 200);
}

TEST_F(Safetensors, NoFile) {
  EXPECT_THAT(failure(folder / "none"), HasSubstr("none: cannot be read: No such file"));
  EXPECT_THAT(failure(folder.path()), HasSubstr(folder.path()));
}

}  // namespace
}  // namespace resnext::worker
