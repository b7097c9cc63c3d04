#include "data/shards.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/pack/shard_writer.h"
#include "data/shard_listing.h"
#include "tests/data/memory_source.h"
#include "tests/data/python.h"

namespace resnext::data {
namespace {
namespace fs = std::filesystem;

class Shards : public testing::Test {
 protected:
  void SetUp() override { fs::remove_all(folder_); }
  void TearDown() override { fs::remove_all(folder_); }

  WrittenSet write(MemorySource& source, std::uint64_t shards, const std::string& name = "train",
                   bool replace = false) const {
    std::vector<std::uint32_t> order(source.info().size);
    std::iota(order.begin(), order.end(), 0u);
    return write_shards(source, order, {folder_, name, shards, replace, {}});
  }
  WrittenSet write(Encoding encoding, std::size_t count, std::uint64_t shards) const {
    MemorySource source(encoding, count);
    return write(source, shards);
  }
  std::string shard(int index, int count, const std::string& name = "train") const {
    return fmt::format("{}/{}-{:05}-of-{:05}.h5", folder_, name, index, count);
  }

  /// Flips a bit of a value in a dataset, where h5py says that it lies in the file.
  static void flip(const std::string& path, const std::string& dataset, int byte) {
    run_python(R"(
import h5py, sys
path, dataset, byte = sys.argv[1], sys.argv[2], int(sys.argv[3])
with h5py.File(path) as f:
    at = f[dataset].id.get_offset() + byte
with open(path, "r+b") as f:
    f.seek(at)
    old = f.read(1)[0]
    f.seek(at)
    f.write(bytes([old ^ 1]))
)",
               fmt::format("{} {} {}", path, dataset, byte));
  }

  /// The message of opening and then reading all; empty if all is good.
  static std::string trouble(const std::string& path) {
    try {
      const auto set = open_shards(path);
      StoredSample sample;
      for (std::size_t i = 0; i < set->info().size; ++i) set->read(i, sample);
    } catch (const std::runtime_error& error) {
      return error.what();
    }
    return {};
  }

  const std::string folder_ = testing::TempDir() + "/shards_test-" +
                              testing::UnitTest::GetInstance()->current_test_info()->name() + "-" +
                              std::to_string(getpid());
};

TEST_F(Shards, GiveBackWhatWasWritten) {
  for (const Encoding encoding : {Encoding::kRaw, Encoding::kEncoded}) {
    MemorySource source(encoding, 100);
    const WrittenSet written = write(source, 7, "train", true);
    const auto set = open_shards(folder_);
    EXPECT_EQ(set->info().size, 100u);
    EXPECT_EQ(set->info().identity, written.identity);
    EXPECT_EQ(set->info().class_names, source.info().class_names);
    EXPECT_EQ(set->info().encoding, encoding);
    EXPECT_EQ(set->info().height, source.info().height);
    EXPECT_EQ(set->info().channels, source.info().channels);
    StoredSample sample, expected;
    for (const std::size_t i : {99u, 0u, 14u, 15u, 50u, 13u}) {
      set->read(i, sample);
      source.read(i, expected);
      EXPECT_EQ(sample.bytes, expected.bytes);
      EXPECT_EQ(sample.label, expected.label);
    }
    EXPECT_THROW(set->read(100, sample), std::out_of_range);
  }
}

TEST_F(Shards, AreReadableWithH5pyAndZlibAlone) {
  const std::string script = R"(
import glob, sys, zlib, h5py, numpy as np
identity = 0xcbf29ce484222325
def add(data):
    global identity
    for byte in data:
        identity = (identity ^ byte) * 0x100000001b3 % 2**64
total = 0
for number, path in enumerate(sorted(glob.glob(sys.argv[1] + "/train-*.h5"))):
    with h5py.File(path) as f:
        a, labels, checksums = f.attrs, f["labels"][...], f["checksums"][...]
        assert (a["format"], a["format_version"], a["set_name"]) == (b"resnext-shard", 1, b"train")
        assert (a["shard_index"], a["shard_count"]) == (number, 3)
        assert a["first_sample"] == total and a["total_samples"] == 20
        assert a["samples"] == len(labels) == len(checksums)
        assert [name.decode() for name in a["class_names"]] == ["cat", "dog", "émeu"]
        assert labels.dtype == np.int32 and checksums.dtype == np.uint32
        index = zlib.crc32(checksums.tobytes(), zlib.crc32(labels.tobytes()))
        if a["encoding"] == b"raw":
            assert (a["height"], a["width"], a["channels"]) == (2, 3, 1)
            samples = [image.tobytes() for image in f["images/pixels"][...]]
        else:
            offsets, data = f["images/offsets"][...], f["images/bytes"][...]
            assert offsets.dtype == np.uint64 and data.dtype == np.uint8
            samples = [data[i:j].tobytes() for i, j in zip(offsets, offsets[1:])]
            index = zlib.crc32(offsets.tobytes(), index)
        assert a["index_checksum"] == index
        if number == 0:
            for name in a["class_names"]:
                add(name + b"\0")
        for i, sample in enumerate(samples):
            assert sample == bytes([total + i] * len(sample)) and labels[i] == (total + i) % 3
            assert checksums[i] == zlib.crc32(labels[i].tobytes(), zlib.crc32(sample))
        add(checksums.tobytes())
        total += len(samples)
        stored = a["identity"]
assert total == 20 and stored.decode() == "%016x" % identity, (total, stored, identity)
)";
  for (const Encoding encoding : {Encoding::kRaw, Encoding::kEncoded}) {
    MemorySource source(encoding, 20);
    write(source, 3, "train", true);
    run_python(script, folder_);
  }
}

TEST_F(Shards, IdentityDependsOnContentsButNotOnTheCut) {
  MemorySource source(Encoding::kRaw, 30), other(Encoding::kRaw, 30, 1);
  const std::string one = write(source, 1).identity;
  EXPECT_EQ(write(source, 5, "cut").identity, one);
  EXPECT_NE(write(other, 1, "other").identity, one);
}

TEST_F(Shards, NamesAMissingShard) {
  write(Encoding::kRaw, 30, 4);
  fs::remove(shard(2, 4));
  EXPECT_EQ(trouble(folder_),
            shard(2, 4) + ": missing (1 of the 4 shards of set 'train' is not there)");
}

TEST_F(Shards, NamesATruncatedShard) {
  write(Encoding::kRaw, 3000, 4);
  fs::resize_file(shard(1, 4), fs::file_size(shard(1, 4)) / 2);
  EXPECT_EQ(trouble(folder_).find(shard(1, 4) + ": cannot open: truncated file"), 0u);
  fs::resize_file(shard(1, 4), 0);
  EXPECT_EQ(trouble(folder_).find(shard(1, 4) + ": cannot open: "), 0u);
}

TEST_F(Shards, NamesTheSampleOfAFlippedBit) {
  const std::string damaged = ": damaged: its bytes or label do not match its checksum";
  const auto sample = [&](int index) {
    return fmt::format("{}: sample {} (of the set: {})", shard(1, 2), index, 10 + index);
  };
  write(Encoding::kRaw, 20, 2);
  flip(shard(1, 2), "images/pixels", 4 * 6);
  EXPECT_EQ(trouble(folder_), sample(4) + damaged);

  MemorySource source(Encoding::kEncoded, 20);
  write(source, 2, "train", true);
  flip(shard(1, 2), "images/bytes", 0);
  EXPECT_EQ(trouble(folder_), sample(0) + damaged);

  write(source, 2, "train", true);
  flip(shard(1, 2), "labels", 5 * 4);  // sample 15 of class 0
  EXPECT_EQ(trouble(folder_), sample(5) + damaged);

  write(source, 2, "train", true);
  flip(shard(1, 2), "labels", 5 * 4 + 3);
  EXPECT_EQ(trouble(folder_), sample(5) + ": label 16777216 is not one of the 3 classes");

  write(source, 2, "train", true);
  flip(shard(1, 2), "checksums", 3 * 4 + 1);
  EXPECT_EQ(trouble(folder_), sample(3) + damaged);

  write(source, 2, "train", true);
  flip(shard(1, 2), "images/offsets", 7 * 8);  // where sample 6 ends
  EXPECT_EQ(trouble(folder_), sample(6) + damaged);

  write(source, 2, "train", true);
  flip(shard(1, 2), "images/offsets", 7 * 8 + 6);
  EXPECT_EQ(trouble(folder_).find(sample(6) + ": its offsets are damaged"), 0u) << trouble(folder_);
}

TEST_F(Shards, OpeningFindsADamagedIndexBeforeTheFirstRead) {
  write(Encoding::kEncoded, 20, 2);
  flip(shard(1, 2), "labels", 5 * 4);
  EXPECT_THROW(open_shards(folder_), std::runtime_error);
}

TEST_F(Shards, NoticesExchangedAndRenamedShards) {
  MemorySource source(Encoding::kRaw, 30), other(Encoding::kRaw, 30, 1);
  write(source, 3);
  write(other, 3, "other");
  fs::copy_file(shard(1, 3, "other"), shard(1, 3), fs::copy_options::overwrite_existing);
  EXPECT_EQ(trouble(folder_ + "/train").find(shard(1, 3) + ": of another set than " + shard(0, 3)),
            0u);
  write(source, 3, "train", true);
  fs::copy_file(shard(2, 3), shard(1, 3), fs::copy_options::overwrite_existing);
  EXPECT_EQ(trouble(folder_ + "/train"),
            shard(1, 3) + ": holds shard 2, another than its name says");
}

TEST_F(Shards, NoticesDamagedClassNames) {
  const std::string damage = R"(
import sys
with open(sys.argv[1], "r+b") as f:
    data = f.read()
    assert data.count(b"dog") == 1
    f.seek(data.index(b"dog"))
    f.write(b"dig")
)";
  write(Encoding::kRaw, 30, 1);
  run_python(damage, shard(0, 1));
  EXPECT_NE(trouble(folder_).find(shard(0, 1)), std::string::npos);

  // So many names that HDF5 stores them where it has no checksum of its own.
  std::vector<std::string> names = {"cat", "dog", "émeu"};
  for (int i = 0; i < 5000; ++i)
    names.push_back("a long name of class number " + std::to_string(i));
  MemorySource source(Encoding::kRaw, 30, 0, names);
  write(source, 1, "train", true);
  EXPECT_EQ(open_shards(folder_)->info().class_names, names);
  run_python(damage, shard(0, 1));
  EXPECT_NE(trouble(folder_).find("the class names are damaged"), std::string::npos)
      << trouble(folder_);
}

TEST_F(Shards, AreFoundByFolderNameOrFile) {
  MemorySource source(Encoding::kRaw, 30);
  write(source, 3);
  write(source, 1, "val-00000-of");  // an awkward name
  EXPECT_EQ(trouble(folder_),
            folder_ + ": holds 2 sets of shards; give one of them, such as " + folder_ + "/train");
  EXPECT_EQ(trouble(folder_ + "/val-00000-of"), "");
  EXPECT_EQ(open_shards(folder_ + "/train")->info().size, 30u);
  EXPECT_EQ(open_shards(shard(1, 3))->info().size, 10u);
  EXPECT_EQ(trouble(shard(1, 3)), "");
  EXPECT_EQ(trouble(folder_ + "/test"), folder_ +
                                            "/test: no such file, folder or set of shards; "
                                            "there is train, val-00000-of");
  EXPECT_EQ(trouble("/nowhere/at/all"), "/nowhere/at/all: no such file or folder");
  fs::copy_file(shard(0, 3), shard(0, 4));
  EXPECT_NE(trouble(folder_ + "/train").find("two sets named 'train' lie mixed"),
            std::string::npos);
}

TEST_F(Shards, RefusesWhatIsNoShard) {
  fs::create_directories(folder_);
  hdf5::File::create(shard(0, 1)).close();
  EXPECT_EQ(trouble(folder_), shard(0, 1) + ": HDF5, but not a shard made by resnext-data");
  std::ofstream(shard(0, 1)) << "text";
  EXPECT_EQ(trouble(folder_), shard(0, 1) + ": cannot open: file signature not found");
}

TEST_F(Shards, MoreThanAProcessMayHoldOpen) {
  rlimit files{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &files), 0);
  files.rlim_cur = 512;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &files), 0);
  write(Encoding::kEncoded, 600, 600);
  const auto set = open_shards(folder_);
  StoredSample sample;
  for (std::size_t i = 0; i < 1200; ++i) {
    const std::size_t index = i * 367 % 600;
    set->read(index, sample);
    EXPECT_EQ(sample.label, static_cast<std::int32_t>(index % 3));
  }
}

TEST_F(Shards, WritingReplacesOnlyWhenAskedAndOnlyOnSuccess) {
  write(Encoding::kRaw, 30, 2);
  MemorySource other(Encoding::kRaw, 40, 1);
  EXPECT_THROW(write(other, 3), std::runtime_error);
  other.fail_at = 25;
  EXPECT_THROW(write(other, 3, "train", true), std::runtime_error);
  EXPECT_EQ(trouble(folder_), "");
  EXPECT_EQ(open_shards(folder_)->info().size, 30u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 2);

  fs::create_directories(folder_ + "/train.packing");
  std::ofstream(folder_ + "/train.packing/train-00007-of-00009.h5.partial")
      << "left by a writer that was killed";
  other.fail_at = ~std::size_t(0);
  write(other, 3, "train", true);
  EXPECT_EQ(open_shards(folder_)->info().size, 40u);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 3);
}

TEST_F(Shards, AFlippedBitAnywhereNeverCrashesNorPassesForOtherData) {
  MemorySource source(Encoding::kEncoded, 9);
  const WrittenSet written = write(source, 1);
  std::ifstream in(shard(0, 1), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(in), {}};
  for (std::size_t at = 0; at < whole.size(); at += 11) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << at % 8));
    std::ofstream(shard(0, 1), std::ios::binary) << flipped;
    const pid_t child = fork();
    if (child == 0) {
      alarm(10);
      // Damage is reported, or lies where nothing of the data is.
      if (!trouble(folder_).empty()) _exit(0);
      const auto set = open_shards(folder_);
      _exit(set->info().identity == written.identity ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0) << "byte " << at;
  }
}

TEST(ShardFileName, IsTakenApart) {
  const auto parsed = parse_shard_file_name("my-set-00003-of-00128.h5");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->set_name, "my-set");
  EXPECT_EQ(parsed->index, 3u);
  EXPECT_EQ(parsed->count, 128u);
  EXPECT_EQ(shard_file_name("my-set", 3, 128), "my-set-00003-of-00128.h5");
  for (const char* other :
       {"run.h5", "train-00003-of-00003.h5", "train-3-of-5.h5", "-00000-of-00001.h5",
        "train-00000-of-00001.h5.partial", "train-00000of-00001.h5",
        "train-00000-of-99999999999999999999.h5", "00000-of-00001.h5", ".h5", ""})
    EXPECT_FALSE(parse_shard_file_name(other)) << other;
}

}  // namespace
}  // namespace resnext::data
