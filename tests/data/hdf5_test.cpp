#include "data/hdf5.h"

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include "tests/data/python.h"

namespace resnext::data::hdf5 {
namespace {

/// A path of its own for each test, removed afterwards.
class Hdf5 : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }
  const std::string path_ = testing::TempDir() + "/hdf5_test-" +
                            testing::UnitTest::GetInstance()->current_test_info()->name() + "-" +
                            std::to_string(getpid()) + ".h5";
};

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

template <typename T>
std::vector<T> sequence(std::size_t n) {
  std::vector<T> values(n);
  for (std::size_t i = 0; i < n; ++i) values[i] = static_cast<T>(i * 3 + 1);
  return values;
}

/// More class names than an attribute of HDF5's oldest format holds (64 KiB).
std::vector<std::string> many_names() {
  std::vector<std::string> names;
  for (int i = 0; i < 5000; ++i) names.push_back("class name number " + std::to_string(i));
  return names;
}

TEST_F(Hdf5, WritesWhatH5pyReads) {
  File file = File::create(path_);
  file.write<float>("/layer1.0.conv1.weight", sequence<float>(6), {1, 2, 3, 1});
  file.write<std::uint8_t>("/deep/group/bytes", sequence<std::uint8_t>(4), {4});
  file.write<std::uint64_t>("/scalar", std::vector<std::uint64_t>{~0ull}, {});
  file.write<std::int32_t>("/empty", std::vector<std::int32_t>{}, {0});
  Dataset loss = file.create_extendible<double>("/train/loss", {}, 16);
  for (int i = 0; i < 40; ++i) loss.append_rows<double>(1, std::vector<double>{i / 4.0});
  Dataset pixels = file.create_dataset<std::uint8_t>("/images/pixels", {3, 2, 2});
  pixels.write_rows<std::uint8_t>(1, 2, sequence<std::uint8_t>(8));
  pixels.write_rows<std::uint8_t>(0, 1, std::vector<std::uint8_t>{9, 9, 9, 9});
  file.create_group("/just/a/group");
  file.set_attribute("/", "exact", true);
  file.set_attribute("/", "seed", std::int64_t(-5));
  file.set_attribute("/", "rate", 0.1);
  file.set_attribute("/", "model", std::string("first"));
  file.set_attribute("/", "model", std::string("rés 漢字"));
  file.set_attribute("/train/loss", "unit", std::string(""));
  file.set_attribute("/", "class_names", many_names());
  file.set_attribute("/", "none", std::vector<std::string>{});
  file.set_attribute("/", "fixed", std::string("é"), StringStorage::kFixed);
  file.set_attribute("/", "fixed_names", many_names(), StringStorage::kFixed);
  file.close();

  EXPECT_EQ(run_python(R"(
import h5py, numpy, sys
f = h5py.File(sys.argv[1], "r")
w = f["layer1.0.conv1.weight"]
assert w.dtype == numpy.float32 and w.shape == (1, 2, 3, 1) and w[0, 1, 2, 0] == 16, w[...]
assert f["deep/group/bytes"][...].tolist() == [1, 4, 7, 10]
assert f["scalar"][()] == 2**64 - 1 and f["scalar"].shape == ()
assert f["empty"].shape == (0,) and f["empty"].dtype == numpy.int32
assert f["train/loss"][...].tolist() == [i / 4 for i in range(40)]
assert f["train/loss"].maxshape == (None,)
assert f["images/pixels"][...].ravel().tolist() == [9] * 4 + [1 + 3 * i for i in range(8)]
assert isinstance(f["just/a/group"], h5py.Group)
a = f.attrs
assert isinstance(a["exact"], numpy.bool_) and a["exact"]
assert a["seed"] == -5 and a["seed"].dtype == numpy.int64 and a["rate"] == 0.1
assert a["model"] == "rés 漢字" and f["train/loss"].attrs["unit"] == ""
assert list(a["class_names"]) == ["class name number %d" % i for i in range(5000)]
assert len(a["none"]) == 0
assert a["fixed"].decode() == "é"
assert [n.decode() for n in a["fixed_names"]] == ["class name number %d" % i for i in range(5000)]
print("good")
)",
                       path_),
            "good\n");

  const File read = File::open(path_);
  EXPECT_EQ(read.strings_attribute("/", "class_names"), many_names());
  EXPECT_EQ(read.strings_attribute("/", "fixed_names"), many_names());
  EXPECT_EQ(read.string_attribute("/", "fixed"), "é");
  EXPECT_EQ(read.string_attribute("/train/loss", "unit"), "");
  EXPECT_TRUE(read.strings_attribute("/", "none").empty());
  EXPECT_EQ(read.list("/"), (std::vector<std::string>{"deep", "empty", "images", "just",
                                                      "layer1.0.conv1.weight", "scalar", "train"}));
}

TEST_F(Hdf5, ReadsWhatH5pyWrites) {
  run_python(R"(
import h5py, numpy, sys
f = h5py.File(sys.argv[1], "w")
f["x/y"] = numpy.arange(24, dtype="i8").reshape(4, 3, 2)
f["zipped"] = numpy.arange(10.0)
f.create_dataset("chunked", data=numpy.arange(100, dtype="u4"), chunks=(7,), compression="gzip")
f.attrs["yes"] = True
f.attrs["count"] = numpy.uint8(200)
f.attrs["half"] = numpy.float32(0.5)
f.attrs["text"] = "é"
f.attrs["ascii"] = numpy.bytes_("fixed")
f.attrs["names"] = ["a", "bc", ""]
f.attrs["fixed"] = numpy.array([b"a", b"bcd"])
f.attrs["many"] = [1, 2]
)",
             path_);
  const File file = File::open(path_);
  const Dataset rows = file.dataset("/x/y");
  EXPECT_EQ(rows.dimensions(), (Dimensions{4, 3, 2}));
  std::vector<std::int32_t> two(12);
  rows.read_rows<std::int32_t>(2, 2, two);
  EXPECT_EQ(two.front(), 12);
  EXPECT_EQ(two.back(), 23);
  EXPECT_EQ(file.read<std::uint32_t>("/chunked")[99], 99u);
  EXPECT_EQ(file.read<double>("/zipped")[9], 9.0);
  EXPECT_TRUE(std::get<bool>(file.attribute("/", "yes")));
  EXPECT_EQ(file.integer_attribute("/", "count"), 200);
  EXPECT_EQ(std::get<double>(file.attribute("/", "half")), 0.5);
  EXPECT_EQ(file.string_attribute("/", "text"), "é");
  EXPECT_EQ(file.string_attribute("/", "ascii"), "fixed");
  EXPECT_EQ(file.strings_attribute("/", "names"), (std::vector<std::string>{"a", "bc", ""}));
  EXPECT_EQ(file.strings_attribute("/", "fixed"), (std::vector<std::string>{"a", "bcd"}));
  EXPECT_TRUE(file.exists("/x/y"));
  EXPECT_TRUE(file.exists("/"));
  EXPECT_FALSE(file.exists("/no/such/thing"));
  EXPECT_FALSE(file.has_attribute("/", "no"));
  EXPECT_EQ(message_of([&] { file.attribute("/", "many"); }),
            path_ + ":/: attribute 'many': an array of numbers, where one is wanted");
  EXPECT_EQ(message_of([&] { file.string_attribute("/", "count"); }),
            path_ + ":/: attribute 'count': not a string");
}

TEST_F(Hdf5, NamesFileObjectAndReason) {
  EXPECT_EQ(message_of([&] { File::open(path_); }),
            path_ + ": cannot open: No such file or directory");
  EXPECT_EQ(message_of([&] { File::create("/nowhere/x.h5"); }),
            "/nowhere/x.h5: cannot create: No such file or directory");
  std::ofstream(path_) << "not HDF5 at all";
  EXPECT_EQ(message_of([&] { File::open(path_); }),
            path_ + ": cannot open: file signature not found");

  File file = File::create(path_);
  file.write<float>("/x", sequence<float>(6), {3, 2});
  EXPECT_NE(message_of([&] { file.dataset("/y"); }).find(path_ + ":/y: cannot open: "),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              file.write<float>("/x", sequence<float>(2), {2});
            }).find("/x: cannot create the dataset: "),
            std::string::npos);
  EXPECT_NE(message_of([&] { file.write<float>("/z", sequence<float>(2), {3}); }), "no error");
  Dataset x = file.dataset("/x");
  std::vector<float> out(4);
  EXPECT_NE(message_of([&] { x.read_rows<float>(2, 2, out); }), "no error");
  EXPECT_NE(message_of([&] { x.read_rows<float>(~0ull, 2, out); }), "no error");
  EXPECT_NE(message_of([&] { x.read_rows<float>(0, 1, out); }), "no error");
  EXPECT_NE(message_of([&] { x.append_rows<float>(1, sequence<float>(2)); }), "no error");
}

TEST_F(Hdf5, NoticesATruncatedFile) {
  File file = File::create(path_);
  file.write<float>("/x", sequence<float>(10000), {10000});
  file.close();
  std::filesystem::resize_file(path_, std::filesystem::file_size(path_) - 1000);
  EXPECT_NE(message_of([&] { File::open(path_); }).find(path_ + ": cannot open: truncated file"),
            std::string::npos);
}

TEST_F(Hdf5, OpensAFileThatAnotherProcessHasLocked) {
  File::create(path_).close();
  const int descriptor = ::open(path_.c_str(), O_RDWR);
  ASSERT_EQ(flock(descriptor, LOCK_EX | LOCK_NB), 0);
  EXPECT_EQ(message_of([&] { File::open(path_); }), "no error");
  close(descriptor);
}

TEST_F(Hdf5, KeepsFilesInMemoryApart) {
  File first = File::create_in_memory("one"), second = File::create_in_memory("one");
  first.write<float>("/x", sequence<float>(3), {3});
  first.set_attribute("/", "name", std::string("first"));
  second.write<double>("/x", sequence<double>(2000000), {2000000});
  const auto bytes = first.image();
  EXPECT_LT(bytes.size(), 100000u);
  const File copy = File::open_image(bytes, "copy");
  EXPECT_EQ(copy.read<float>("/x"), sequence<float>(3));
  EXPECT_EQ(copy.string_attribute("/", "name"), "first");
  EXPECT_EQ(File::open_image(second.image(), "copy").read<double>("/x"), sequence<double>(2000000));
  EXPECT_FALSE(std::filesystem::exists("one"));

  std::ofstream(path_).write(reinterpret_cast<const char*>(bytes.data()),
                             static_cast<std::streamsize>(bytes.size()));
  EXPECT_EQ(run_python("import h5py, sys\nprint(h5py.File(sys.argv[1])['x'][...])", path_),
            "[1. 4. 7.]\n");
  const auto half = std::span(bytes).first(bytes.size() / 2);
  EXPECT_NE(message_of([&] { File::open_image(half, "half"); }).find("half: cannot open: "),
            std::string::npos);
}

TEST_F(Hdf5, ServesManyThreads) {
  File file = File::create(path_);
  file.write<std::uint32_t>("/x", sequence<std::uint32_t>(10000), {10000});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const Dataset mine = file.dataset("/x");
      std::vector<std::uint32_t> row(1);
      for (std::uint32_t i = 0; i < 500; ++i) {
        const std::uint32_t at = (i * 37 + static_cast<std::uint32_t>(t) * 11) % 10000;
        mine.read_rows<std::uint32_t>(at, 1, row);
        if (row[0] != at * 3 + 1) ++wrong;
        if (message_of([&] { file.dataset("/none"); }).find("/none") == std::string::npos) ++wrong;
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace resnext::data::hdf5
