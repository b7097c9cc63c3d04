// Drives the program resnext-data as a user does.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "data/shards.h"
#include "tests/data/data_program.h"
#include "tests/data/python.h"

namespace resnext::data {
namespace {
namespace fs = std::filesystem;

class ResnextData : public DataProgram {
 protected:
  void SetUp() override {
    DataProgram::SetUp();
    const std::string script = RESNEXT_SOURCE_DIR "/tests/data/pack_files.py ";
    ASSERT_EQ(std::system(("/usr/bin/python3 " + script + folder_).c_str()), 0);
  }
};

TEST_F(ResnextData, PacksClassFoldersUnchangedAndMixed) {
  expect_success("pack train --out out --shards 2", "packed 18 samples of 3 classes");
  expect_success("pack train --out again --shards 2", "packed 18 samples");
  expect_success("pack train --out other --seed 5", "packed 18 samples");
  expect_success("pack train --out sorted --no-shuffle", "packed 18 samples");
  run_python(R"(
import glob, os, sys, h5py
os.chdir(sys.argv[1])
def read(folder):
    samples = []
    for path in sorted(glob.glob(folder + "/*.h5")):
        with h5py.File(path) as f:
            names = [name.decode() for name in f.attrs["class_names"]]
            offsets, data = f["images/offsets"][...], f["images/bytes"][...]
            samples += [(names[label], data[i:j].tobytes())
                        for label, i, j in zip(f["labels"][...], offsets, offsets[1:])]
    assert names == ["ant", "bee é", "zebra"], names
    return samples
files = [(name, open("train/%s/%s" % (name, file), "rb").read())
         for name in ("ant", "bee é", "zebra") for file in sorted(os.listdir("train/" + name))
         if not file.startswith(".")]
assert read("sorted") == files
assert sorted(read("out")) == sorted(files) and read("out") != files
assert read("out") == read("again") != read("other")
)",
             folder_);
  expect_success("verify out", "18 samples in 2 shards checked: all good");
}

TEST_F(ResnextData, PacksIdx) {
  write_file("names.txt", "top\r\ncoat\nbag\n");
  expect_success("pack idxgz --out out", "packed 50 samples of 3 classes");
  expect_success("pack idx --split test --out out --class-names names.txt --samples-per-shard 20",
                 "into 3 shards of set 'test'");
  expect_success(
      "pack --images idx/train-images-idx3-ubyte --labels idxgz/train-labels-idx1-ubyte.gz "
      "--name pair --out out",
      "packed 50 samples");
  run_python(R"(
import glob, os, sys, h5py, numpy as np
os.chdir(sys.argv[1])
wanted = np.load("idx.npz")
for name, classes in ("train", "0 1 2"), ("test", "top coat bag"), ("pair", "0 1 2"):
    shards = [h5py.File(path) for path in sorted(glob.glob("out/%s-*.h5" % name))]
    pixels = np.concatenate([f["images/pixels"][...] for f in shards])
    labels = np.concatenate([f["labels"][...] for f in shards])
    assert (pixels[:, :, :, 0] == wanted["pixels"]).all() and pixels.shape == (50, 5, 4, 1)
    assert (labels == wanted["labels"]).all()
    assert b" ".join(shards[0].attrs["class_names"]).decode() == classes
)",
             folder_);
}

TEST_F(ResnextData, PacksCifar) {
  expect_success("pack cifar10 --out out", "packed 10 samples of 10 classes");
  expect_success("pack cifar10 --out out --split test", "packed 2 samples of 10 classes");
  expect_success("pack cifar100 --out out --name hundred", "packed 12 samples of 100 classes");
  run_python(R"(
import os, sys, h5py, numpy as np
os.chdir(sys.argv[1])
wanted = np.load("cifar.npz")["pixels"]
train, test, hundred = (h5py.File("out/%s-00000-of-00001.h5" % name)
                        for name in ("train", "test", "hundred"))
assert (np.concatenate([train["images/pixels"], test["images/pixels"]]) == wanted).all()
assert (hundred["images/pixels"][...] == wanted).all()
assert train["labels"][...].tolist() == list(range(10)) and test["labels"][...].tolist() == [0, 1]
assert hundred["labels"][...].tolist() == [99 - i for i in range(12)]
assert train.attrs["class_names"][3] == b"kind 3" and hundred.attrs["class_names"][7] == b"fine 7"
)",
             folder_);
}

TEST_F(ResnextData, PacksAValidationSetWithTheClassesOfTheTrainingSet) {
  expect_success("pack train --out out", "packed 18");
  expect_success("pack val --out out --name val --classes-from out/train", "packed 6");
  fs::rename(folder_ + "/val/ant", folder_ + "/val/aunt");
  expect_error("pack val --out out2 --classes-from out/train", 1,
               "val/aunt: not one of the 3 classes asked for; did you mean 'ant'?");
  fs::remove_all(folder_ + "/val/aunt");
  expect_error("pack val --out out2 --classes-from out/train", 1, "val: no folder for class 'ant'");
  EXPECT_FALSE(fs::exists(folder_ + "/out2"));
}

TEST_F(ResnextData, PacksOnlySomeClassesOfATree) {
  write_file("two.txt", "zebra\nant\n");
  write_file("train/aardvark/notes.txt", "not looked at, as the class is not listed");
  expect_success("pack train --out out --classes two.txt", "packed 12 samples of 2 classes");
  run_python(R"(
import os, sys, h5py
os.chdir(sys.argv[1])
with h5py.File("out/train-00000-of-00001.h5") as f:
    assert f.attrs["class_names"].tolist() == [b"ant", b"zebra"]
    offsets, data = f["images/offsets"][...], f["images/bytes"][...]
    samples = [(int(label), data[i:j].tobytes())
               for label, i, j in zip(f["labels"][...], offsets, offsets[1:])]
files = [(label, open("train/%s/%s" % (name, file), "rb").read())
         for label, name in enumerate(("ant", "zebra")) for file in os.listdir("train/" + name)
         if not file.startswith(".")]
assert sorted(samples) == sorted(files)
)",
             folder_);
  expect_success("pack val --out out --name val --classes two.txt", "packed 4 samples of 2");
  write_file("more.txt", "zebra\nant\ncamel\ngnu\n");
  expect_error("pack train --out out2 --classes more.txt", 1,
               "train: no folder for class 'camel' and 1 others");
  expect_error("pack train --out out2 --classes two.txt --classes-from out/train", 2,
               "--classes contradicts --classes-from and --class-names");
  expect_error("pack idx --out out2 --classes two.txt", 2, "--classes is for class folders");
  EXPECT_FALSE(fs::exists(folder_ + "/out2"));
}

TEST_F(ResnextData, DryRunSaysWhatPackingTakes) {
  const Outcome outcome =
      run("pack train --dry-run --samples-per-shard 7 --rate 0.001 --out new/out");
  EXPECT_EQ(outcome.code, 0);
  double bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ + "/train"))
    if (entry.is_regular_file()) bytes += static_cast<double>(entry.file_size());
  for (const std::string& text :
       {std::string("18 of 3 classes"),
        fmt::format("{:.3f} GB, {:.1f} kB", bytes / 1e9, bytes / 18e3),
        std::string("3 of about 6 samples"), std::string("5 h 0 min (5.00 hours)"),
        std::string("assumed"), std::string("free in --out")})
    EXPECT_NE(outcome.output.find(text), std::string::npos) << outcome.output;
  expect_success("pack train --dry-run", "measured by reading 18 of the files");
  EXPECT_FALSE(fs::exists(folder_ + "/new"));
  expect_error("pack train --out out --rate 5", 2, "--rate is for --dry-run");
  expect_error("pack train --out out --jobs 0", 2, "--jobs must be 1 to 1024");
}

TEST_F(ResnextData, NamesWhatIsWrongWithASource) {
  expect_error("pack nowhere --out out", 1, "nowhere: no such folder");
  expect_error("pack idx.npz --out out", 1, "idx.npz: not a folder");
  expect_error("pack train/ant --out out", 1, "train/ant: holds files, but no class folders");
  fs::create_directories(folder_ + "/imagenet/train/ant");
  expect_error("pack imagenet --out out", 1, "are the class folders one level further down?");
  fs::create_directories(folder_ + "/bare");
  expect_error("pack bare --out out", 1, "bare: an empty folder");
  fs::create_directories(folder_ + "/train/camel");
  expect_error("pack train --out out", 1, "train/camel: no images in this class");
  expect_error("pack bare --format idx --out out", 1, "bare: no train-images-idx3-ubyte[.gz] here");
  expect_error("pack bare --format cifar10 --out out", 1, "bare/data_batch_1.bin: No such file");
  fs::resize_file(folder_ + "/cifar10/data_batch_3.bin", 5000);
  expect_error("pack cifar10 --out out", 1, "data_batch_3.bin: truncated");
  fs::resize_file(folder_ + "/idx/train-images-idx3-ubyte", 900);
  expect_error("pack idx --out out", 1, "train-images-idx3-ubyte: truncated");
  fs::resize_file(folder_ + "/idxgz/train-images-idx3-ubyte.gz", 900);
  expect_error("pack idxgz --out out", 1, "train-images-idx3-ubyte.gz: unexpected end of file");
  write_file("idxgz/t10k-labels-idx1-ubyte.gz", std::string("\0\0\x08\x01\0\0\0\x01\x02", 9));
  expect_error("pack idxgz --split test --out out", 1, "1 labels for the 50 images");
  write_file("two.txt", "a\nb\n");
  expect_error("pack idx --split test --class-names two.txt --out out", 1,
               "sample 2: label 2 is not one of the 2 classes");
  write_file("twice.txt", "a\nb\na\n");
  expect_error("pack idx --split test --class-names twice.txt --out out", 1, "'a' is there twice");
  EXPECT_FALSE(fs::exists(folder_ + "/out"));
}

TEST_F(ResnextData, NamesFilesThatAreNoImages) {
  write_file("train/ant/page.JPEG", "<html>not found</html>");
  expect_error("pack train --out out", 1, "train/ant/page.JPEG: neither a JPEG nor a PNG");
  write_file("train/bee é/empty.png", "");
  const Outcome outcome = run("pack train --out out --skip-bad");
  EXPECT_EQ(outcome.code, 0);
  for (const char* line :
       {"skipped train/ant/page.JPEG: neither a JPEG nor a PNG\n",
        "skipped train/bee é/empty.png: empty file\n", "skipped 2 files", "packed 18 samples"})
    EXPECT_NE(outcome.output.find(line), std::string::npos) << outcome.output;
}

TEST_F(ResnextData, NamesWrongOptions) {
  expect_error("", 2, "no command");
  expect_error("pakc", 2, "did you mean 'pack'?");
  expect_error("pack train", 2, "--out is missing");
  expect_error("pack --out out", 2, "either a SOURCE folder, or --images and --labels");
  expect_error("pack train --out out --shard 2", 2, "did you mean '--shards'?");
  expect_error("pack train --out out --shards 19", 2, "--shards 19: there are only 18 samples");
  expect_error("pack train --out out --shards 2 --samples-per-shard 2", 2, "contradicts");
  expect_error("pack train --out out --format idz", 2, "did you mean 'idx'?");
  expect_error("pack train --out out --images idx/train-images-idx3-ubyte", 2, "go together");
  expect_error("pack train --out out --split val", 2, "--split must be train or test");
  expect_error("pack train --out /proc/none", 1, "/proc/none: cannot be created");
  expect_error("inspect", 2, "no PATH");
  expect_error("inspect train", 1, "train: no shards here");
  expect_error("verify out/none", 1, "no such file or folder");
}

TEST_F(ResnextData, ReplacesASetOnlyWithForce) {
  expect_success("pack train --out out", "packed 18");
  expect_error("pack val --out out", 1, "out: the set 'train' is there already");
  expect_success("inspect out", "18 in 1 shard");
  expect_success("pack val --out out --shards 3 --force", "packed 6");
  expect_success("inspect out", "6 in 3 shards");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ + "/out"), {}), 3);
}

TEST_F(ResnextData, LeavesNothingBehindWhenTheDiskIsFull) {
  expect_success("pack val --out out", "packed 6");
  // Files may not grow beyond a few KiB: as with a full disk, a write fails midway.
  expect_error("pack cifar10 --out out --force", 1, "File too large",
               "trap '' XFSZ; ulimit -f 16;");
  expect_success("verify out", "6 samples in 1 shards checked: all good");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ + "/out"), {}), 1);
}

TEST_F(ResnextData, InspectSaysWhatIsThere) {
  expect_success("pack train --out out --shards 2", "packed");
  expect_success("pack idx --name digits --out out", "packed");
  const std::string identity = open_shards(folder_ + "/out/train")->info().identity;
  run_python(R"(
import json, os, subprocess, sys
os.chdir(sys.argv[1])
digits, train = json.loads(subprocess.check_output([sys.argv[2], "inspect", "out", "--json"]))
sizes = [os.path.getsize(os.path.join(d, f)) for d, _, fs in os.walk("train") for f in fs
         if not f.startswith(".")]
assert train == {"path": "out/train", "name": "train", "identity": sys.argv[3], "samples": 18,
    "shards": 2, "encoding": "encoded",
    "sample_bytes": {"total": sum(sizes), "mean": sum(sizes) / 18, "smallest": min(sizes),
                     "largest": max(sizes)},
    "classes": [{"name": n, "samples": 6} for n in ("ant", "bee é", "zebra")]}, train
assert digits["name"] == "digits" and digits["encoding"] == "raw"
assert (digits["height"], digits["width"], digits["channels"]) == (5, 4, 1)
assert [c["samples"] for c in digits["classes"]] == [17, 17, 16], digits
)",
             folder_ + " " RESNEXT_DATA_PROGRAM " " + identity);
  expect_success("inspect out/train", identity);
}

TEST_F(ResnextData, VerifyNamesEveryBadSample) {
  // Two images that start well but do not decode, then shards lost, cut and flipped.
  fs::resize_file(folder_ + "/train/ant/1.JPEG", fs::file_size(folder_ + "/train/ant/1.JPEG") - 99);
  write_file("train/zebra/5.JPEG", "\xff\xd8\xff\xe0 nothing");
  expect_success("pack train --out out --shards 3 --no-shuffle", "packed 18");
  Outcome outcome = run("verify out");
  EXPECT_EQ(outcome.code, 1);
  for (const char* line : {"out/train-00000-of-00003.h5: sample 1 (of the set: 1): JPEG: Premature",
                           "out/train-00002-of-00003.h5: sample 5 (of the set: 17): JPEG: ",
                           "18 samples in 3 shards checked: 2 bad"})
    EXPECT_NE(outcome.output.find(line), std::string::npos) << outcome.output;

  expect_success("pack val --out bad --shards 6 --no-shuffle", "packed 6");
  run_python(R"(
import os, sys, h5py
os.chdir(sys.argv[1] + "/bad")
def flip(index, dataset, byte):
    path = "train-%05d-of-00006.h5" % index
    with h5py.File(path) as f:
        at = f[dataset].id.get_offset() + byte
    with open(path, "r+b") as f:
        f.seek(at)
        old = f.read(1)[0]
        f.seek(at)
        f.write(bytes([old ^ 1]))
flip(0, "images/bytes", 30)
flip(1, "labels", 0)
flip(2, "labels", 2)
flip(3, "images/offsets", 8)
os.remove("train-00004-of-00006.h5")
os.truncate("train-00005-of-00006.h5", 1000)
)",
             folder_);
  outcome = run("verify bad --threads 3");
  EXPECT_EQ(outcome.code, 1);
  const auto shard = [](int i) { return "bad/train-0000" + std::to_string(i) + "-of-00006.h5: "; };
  for (const std::string& line :
       {shard(0) + "sample 0 (of the set: 0): damaged",
        shard(1) + "sample 0 (of the set: 1): damaged",
        shard(2) + "sample 0 (of the set: 2): label 65537 is not one of the 3 classes",
        shard(3) + "sample 0 (of the set: 3): its offsets are damaged", shard(4) + "missing",
        shard(5) + "cannot open: truncated file",
        std::string("3 samples in 3 shards checked: 6 bad")})
    EXPECT_NE(outcome.output.find(line), std::string::npos) << line << "\n" << outcome.output;
  expect_error("inspect bad", 1,
               shard(4) + "missing (1 of the 6 shards of set 'train' is not there)");
}

TEST_F(ResnextData, TheExampleOfTheReadmeRuns) {
  expect_success("pack train --out shards --shards 2", "packed 18");
  std::ifstream file(RESNEXT_SOURCE_DIR "/data/README.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto start = text.find("```python\n") + 10;
  ASSERT_LT(start, text.size());
  const std::string example = text.substr(start, text.find("```", start) - start);
  const std::string output =
      run_python("import os, sys\nos.chdir(sys.argv[1])\n" + example, folder_);
  EXPECT_EQ(std::count(output.begin(), output.end(), '\n'), 18) << output;
  EXPECT_NE(output.find("zebra (9, 7, 3)"), std::string::npos) << output;
}

}  // namespace
}  // namespace resnext::data
