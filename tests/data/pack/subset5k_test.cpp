// The command subset5k, against the rule restated in Python.

#include <fmt/format.h>

#include "tests/data/data_program.h"
#include "tests/data/python.h"

namespace resnext::data {
namespace {

class Subset5k : public DataProgram {
 protected:
  std::string read(const std::string& name) const {
    std::ifstream file(folder_ + "/" + name, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write_images(const std::string& tree, const std::string& name, int count) const {
    for (int i = 0; i < count; ++i)
      write_file(fmt::format("{}/{}/{}.{}", tree, name, i, i % 2 ? "JPEG" : "png"), "");
  }
};

TEST_F(Subset5k, ChoosesTheLargestOthersWhateverTheOrderOfTheList) {
  // 300 classes with few different sizes, so that many tie.
  run_python(R"(
import os, random, sys
os.chdir(sys.argv[1])
random.seed(5)
counts = {"n%08d" % random.randrange(10**8): random.randrange(1, 12) for _ in range(300)}
names = sorted(counts)
base = random.sample(names, 40)
open("base.txt", "w").write("\n".join(base))
others = sorted(set(names) - set(base), key=lambda name: (-counts[name], name))[:100]
assert counts[others[-1]] == counts[sorted(set(names) - set(base) - set(others),
                                           key=lambda name: -counts[name])[0]]
open("expected.txt", "w").write("".join(name + "\n" for name in sorted(base + others)))
for file in "a.txt", "b.txt":
    random.shuffle(names)
    open(file, "w").write("".join("%s %d\n" % (name, counts[name]) for name in names))
)",
             folder_);
  for (const std::string counts : {"a.txt", "b.txt"}) {
    expect_success("subset5k --counts " + counts + " --base base.txt --others 100 --out out.txt",
                   "140: 40 of the base and 100 others");
    EXPECT_EQ(read("out.txt"), read("expected.txt"));
  }
}

TEST_F(Subset5k, ReportsSizesAndTies) {
  write_file("counts.txt", "n4 5\nn3\t5\nn1 100\nn2 5\nmy class  7\n\nn0 9\r\nn9 0\nZ 5\n");
  write_file("base.txt", "n2\n");
  const std::string expected =
      "classes             5: 1 of the base and 4 others\n"
      "images              126: 5 of the base and 121 of the others\n"
      "smallest other      Z with 5 images\n"
      "classes left out    2, the largest n3 with 5 images\n"
      "ties                3 classes have 5 images; the first of them by name are chosen\n";
  const Outcome outcome =
      run("subset5k --counts counts.txt --base base.txt --others 4 --out out.txt --report r.txt");
  EXPECT_EQ(outcome.output, expected);
  EXPECT_EQ(read("r.txt"), expected);
  EXPECT_EQ(read("out.txt"), "Z\nmy class\nn0\nn1\nn2\n");

  write_file("two.txt", "n2\nZ\n");
  expect_success("subset5k --counts counts.txt --base two.txt --others 3 --out out.txt",
                 "smallest other      my class with 7 images\n"
                 "classes left out    2, the largest n3 with 5 images\n");
  EXPECT_EQ(run("subset5k --counts counts.txt --base base.txt --others 6 --out out.txt").output,
            "classes             7: 1 of the base and 6 others\n"
            "images              136: 5 of the base and 131 of the others\n"
            "smallest other      n4 with 5 images\n"
            "classes left out    0\n");
}

TEST_F(Subset5k, CountsTheImagesOfATreeWithoutOpeningThem) {
  write_images("tree", "cat", 3);
  write_images("tree", "dog", 5);
  write_images("tree", "eel", 4);
  write_images("tree", "fox", 4);
  write_file("tree/cat/README.txt", "");
  write_file("tree/cat/list.csv", "");
  write_file("tree/eel/._0.JPEG", "");
  write_images("base", "cat", 1);
  expect_success("subset5k --tree tree --base base --others 2 --out out.txt",
                 "images              12: 3 of the base and 9 of the others");
  EXPECT_EQ(read("out.txt"), "cat\ndog\neel\n");
}

TEST_F(Subset5k, TakesItsBaseFromShardsAndPackTakesItsList) {
  const std::string script = RESNEXT_SOURCE_DIR "/tests/data/pack_files.py ";
  ASSERT_EQ(std::system(("/usr/bin/python3 " + script + folder_).c_str()), 0);
  write_file("one.txt", "zebra\n");
  expect_success("pack val --out out --name base --classes one.txt", "packed 2 samples");
  for (const std::string base : {"out", "out/base", "out/base-00000-of-00001.h5"}) {
    expect_success("subset5k --tree train --others 1 --out list.txt --base " + base, "2: 1 of");
    EXPECT_EQ(read("list.txt"), "ant\nzebra\n");
  }
  expect_success("pack train --out out --classes list.txt", "packed 12 samples of 2 classes");
}

TEST_F(Subset5k, NamesWhatIsWrong) {
  write_file("counts.txt", "a 3\nb 2\nc 0\n");
  write_file("a.txt", "a\n");
  const std::string start = "subset5k --out out.txt --counts ";
  expect_error(start + "counts.txt --base a.txt", 1,
               "counts.txt: only 1 classes besides the 1 of the base have images, 4000 asked for");
  write_file("absent.txt", "a\nc\naa\nbb\n");
  expect_error(start + "counts.txt --base absent.txt --others 0", 1,
               "counts.txt: no images of the base's class 'c' and 2 others");
  write_file("twice.txt", "a 3\nb 2\na 3\n");
  expect_error(start + "twice.txt --base a.txt", 1,
               "twice.txt: line 3: the class 'a' is there twice");
  write_file("basetwice.txt", "a\na\n");
  expect_error(start + "counts.txt --base basetwice.txt", 1, "the class 'a' is there twice");
  for (const std::string line : {"b", "b -2", "b 2x", " 2", "b 99999999999999999999", "b 2.5"}) {
    write_file("malformed.txt", "a 3\n\n" + line + "\n");
    expect_error(start + "malformed.txt --base a.txt", 1,
                 "malformed.txt: line 3: '" + line + "' is not a class and its number of images");
  }
  expect_error(start + "none.txt --base a.txt", 1, "none.txt: cannot be read");
  expect_error(start + "counts.txt --base none", 1, "none: no such file");
  expect_error("subset5k --base a.txt --out out.txt", 2, "either --tree or --counts");
  expect_error("subset5k --counts counts.txt --out out.txt", 2, "--base is missing");
  expect_error("subset5k --counts counts.txt --base a.txt", 2, "--out is missing");
  expect_error(start + "counts.txt --base a.txt --other 1", 2, "did you mean '--others'?");
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/out.txt"));
}

}  // namespace
}  // namespace resnext::data
