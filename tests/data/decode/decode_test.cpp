#include "data/decode/decode.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/decode/exif.h"
#include "data/decode/jpeg.h"
#include "data/decode/png.h"
#include "tests/data/python.h"
#include "tests/data/ycck_jpeg.h"

namespace resnext::data {
namespace {
namespace fs = std::filesystem;
using Bytes = std::vector<std::uint8_t>;

Bytes read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

Image expected_image(const fs::path& path) {
  const Bytes bytes = read_file(path);
  std::uint32_t size[2];
  std::memcpy(size, bytes.data(), sizeof size);
  Image image;
  image.resize(static_cast<int>(size[0]), static_cast<int>(size[1]), 3);
  EXPECT_EQ(bytes.size(), sizeof size + image.pixels.size());
  std::copy(bytes.begin() + sizeof size, bytes.end(), image.pixels.begin());
  return image;
}

/// Largest difference of a pixel's value; 256 if the sizes differ.
int difference(const Image& a, const Image& b) {
  if (a.height != b.height || a.width != b.width || a.channels != b.channels) return 256;
  int largest = 0;
  for (std::size_t i = 0; i < a.pixels.size(); ++i)
    largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

std::string message_of(const Bytes& bytes) {
  try {
    Image image;
    decode_image(bytes, image);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no error";
}

class Decode : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = fs::path(testing::TempDir()) / ("decode_test-" + std::to_string(getpid()));
    fs::create_directories(folder_);
    const std::string script = RESNEXT_SOURCE_DIR "/tests/data/decode_files.py ";
    ASSERT_EQ(std::system(("/usr/bin/python3 " + script + folder_.string()).c_str()), 0);
  }
  static void TearDownTestSuite() { fs::remove_all(folder_); }

  static fs::path huge_png(int width, int height, bool interlaced) {
    const fs::path path = folder_ / "huge";
    const std::string command =
        fmt::format("/usr/bin/python3 {}/tests/data/huge_png.py {} {} {} {}", RESNEXT_SOURCE_DIR,
                    path.string(), width, height, interlaced ? 1 : 0);
    EXPECT_EQ(std::system(command.c_str()), 0);
    return path;
  }

  static inline fs::path folder_;
};

TEST_F(Decode, GivesTheSamePixelsAsPil) {
  std::set<std::string> seen;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    if (entry.path().extension() != ".rgb") continue;
    const fs::path file = fs::path(entry.path()).replace_extension();
    Image image;
    decode_image(read_file(file), image);
    EXPECT_EQ(difference(image, expected_image(entry.path())), 0) << file;
    seen.insert(file.filename());
  }
  EXPECT_EQ(seen.size(), 23u);
}

TEST_F(Decode, ReadsYcck) {
  const fs::path file = folder_ / "ycck.jpg";
  write_ycck_jpeg(file, 40, 30);
  run_python(R"(
import struct, sys
from PIL import Image
image = Image.open(sys.argv[1])
assert image.mode == "CMYK"
rgb = image.convert("RGB")
with open(sys.argv[1] + ".rgb", "wb") as out:
    out.write(struct.pack("<II", rgb.height, rgb.width) + rgb.tobytes())
)",
             file);
  Image image;
  decode_image(read_file(file), image);
  EXPECT_EQ(difference(image, expected_image(file.string() + ".rgb")), 0);
  fs::remove(file.string() + ".rgb");
}

TEST_F(Decode, RefusesEveryTruncation) {
  for (const std::string name : {"full.jpg", "progressive.jpg", "rgb.png", "interlaced.png"}) {
    const Bytes whole = read_file(folder_ / name);
    for (std::size_t length = 0; length < whole.size() - 2; length += 7)
      EXPECT_NE(message_of(Bytes(whole.begin(), whole.begin() + length)), "no error")
          << name << " cut to " << length << " of " << whole.size();
  }
  const Bytes jpeg = read_file(folder_ / "full.jpg");
  EXPECT_EQ(message_of(Bytes(jpeg.begin(), jpeg.end() - 200)), "JPEG: Premature end of JPEG file");
}

TEST_F(Decode, SaysWhatIsNoImage) {
  const auto text = [](std::string_view s) { return Bytes(s.begin(), s.end()); };
  EXPECT_EQ(message_of({}), "empty file");
  EXPECT_EQ(message_of(text("GIF89a....")), "a GIF, not a JPEG or PNG");
  EXPECT_EQ(message_of(text("<html>404</html>")), "neither a JPEG nor a PNG");
  EXPECT_EQ(message_of(text("\xff\xd8\xff garbage")).substr(0, 6), "JPEG: ");
  EXPECT_EQ(message_of(text("\x89PNG\r\n\x1a\n garbage")).substr(0, 5), "PNG: ");
}

TEST_F(Decode, SurvivesFlippedBits) {
  // Whatever a flip does, decoding ends with an image or a runtime_error; asan watches the rest.
  for (const std::string name : {"subsampled.jpg", "orientation6.jpg", "cmyk.jpg", "palette.png"}) {
    const Bytes whole = read_file(folder_ / name);
    for (std::size_t i = 0; i < std::min<std::size_t>(whole.size(), 400); ++i) {
      Bytes flipped = whole;
      flipped[i] ^= static_cast<std::uint8_t>(1u << (i % 8));
      message_of(flipped);
    }
  }
}

TEST_F(Decode, KeepsMemoryBoundedForAHugePng) {
  const Bytes bytes = read_file(huge_png(20990, 29700, false));
  ASSERT_LT(bytes.size(), 16u << 20);
  const pid_t child = fork();
  if (child == 0) {
    Image image;
    decode_image(bytes, image);
    const bool right_size = image.height == 29700 / 5 && image.width == 20990 / 5;
    bool right_values = right_size;
    for (int y = 0; right_size && y < image.height; ++y) {
      const int value = image.pixels[(std::size_t(y) * image.width + 17) * 3];
      if (std::abs(value - 255 * y / image.height) > 1) right_values = false;
    }
    _exit(right_values ? 0 : 1);
  }
  int status = 0;
  rusage usage{};
  ASSERT_EQ(wait4(child, &status, 0, &usage), child);
  EXPECT_EQ(status, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  EXPECT_LT(usage.ru_maxrss, 150 * 1024) << "KiB";
#endif
}

TEST_F(Decode, RefusesHugePngsThatItWouldHaveToHold) {
  EXPECT_EQ(message_of(read_file(huge_png(20990, 29700, true))),
            "PNG: 20990x29700 and interlaced, too large to decode; save it smaller or without "
            "interlacing");
  EXPECT_EQ(message_of(read_file(huge_png(1000000, 1000000, true))).substr(0, 21),
            "PNG: 1000000x1000000 ");
}

TEST_F(Decode, ScalesALargeJpegDown) {
  const Bytes bytes = read_file(folder_ / "full.jpg");
  Image whole, half, eighth;
  decode_jpeg(bytes, 53 * 37, whole_of, whole);
  EXPECT_EQ(whole.width, 53);
  decode_jpeg(bytes, 27 * 19, whole_of, half);
  EXPECT_EQ(half.width, 27);
  EXPECT_EQ(half.height, 19);
  Image part;
  decode_jpeg(
      bytes, 27 * 19,
      [](const Extent&) {
        return Window{3, 4, 5, 6};
      },
      part);
  EXPECT_EQ(part.pixels, half.pixels);
  decode_jpeg(bytes, 1, whole_of, eighth);
  EXPECT_EQ(eighth.width, 7);
  EXPECT_THROW(decode_jpeg(read_file(folder_ / "progressive.jpg"), 27 * 19, whole_of, half),
               std::runtime_error);
}

TEST_F(Decode, ReducesAPngToTheMeanOfItsPixels) {
  Image whole, reduced;
  const Bytes bytes = read_file(folder_ / "rgb.png");
  decode_image(bytes, whole);
  decode_png(bytes, 14 * 10, reduced);  // 53x37 by a factor of 4
  ASSERT_EQ(reduced.width, 14);
  ASSERT_EQ(reduced.height, 10);
  for (int y = 0; y < 10; ++y)
    for (int x = 0; x < 14; ++x) {
      int sum = 0, count = 0;
      for (int v = y * 4; v < std::min(37, y * 4 + 4); ++v)
        for (int u = x * 4; u < std::min(53, x * 4 + 4); ++u, ++count)
          sum += whole.pixels[(std::size_t(v) * 53 + u) * 3 + 1];
      EXPECT_NEAR(reduced.pixels[(std::size_t(y) * 14 + x) * 3 + 1], sum / double(count), 0.51);
    }
}

TEST(ExifOrientation, IsOneWhereTheSegmentIsMalformed) {
  const std::string start("Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0", 28);
  const Bytes good(start.begin(), start.end());
  EXPECT_EQ(exif_orientation(good), 6);
  for (std::size_t length = 0; length < 26; ++length)
    EXPECT_EQ(exif_orientation(std::span(good).first(length)), 1) << length;
  Bytes wild = good;
  wild[10] = wild[11] = wild[12] = wild[13] = 0xff;  // the directory far beyond the end
  EXPECT_EQ(exif_orientation(wild), 1);
  wild = good;
  wild[24] = 9;
  EXPECT_EQ(exif_orientation(wild), 1);
}

}  // namespace
}  // namespace resnext::data
