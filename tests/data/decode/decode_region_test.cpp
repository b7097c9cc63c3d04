// Decoding a region against decoding the whole, pixel for pixel.

#include <algorithm>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "data/decode/decode.h"
#include "tests/data/decode/encode_jpeg.h"

namespace resnext::data {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kStale = 77;

Image decoded(const Bytes& bytes) {
  Image image;
  decode_image(bytes, image);
  return image;
}

Image decoded(const Bytes& bytes, const Window& region) {
  Image image;
  image.pixels.assign(std::size_t(1) << 20, kStale);
  decode_image(
      bytes, [&](const Extent&) { return region; }, image);
  return image;
}

/// The image, or why there is none.
std::pair<Image, std::string> tried(const Bytes& bytes, const std::optional<Window>& region) {
  try {
    return {region ? decoded(bytes, *region) : decoded(bytes), ""};
  } catch (const std::runtime_error& error) {
    return {{}, error.what()};
  }
}

/// Empty, or where the first pixel of the region differs.
std::string first_difference(const Image& whole, const Image& part, const Window& region) {
  if (part.height != whole.height || part.width != whole.width || part.channels != 3)
    return "another size";
  for (int y = region.y; y < region.y + region.height; ++y)
    for (int x = region.x; x < region.x + region.width; ++x)
      for (int c = 0; c < 3; ++c) {
        const std::size_t i = (std::size_t(y) * whole.width + x) * 3 + c;
        if (whole.pixels[i] != part.pixels[i])
          return fmt::format("pixel ({}, {}) of {}x{}, region {} {} {} {}", y, x, whole.height,
                             whole.width, region.y, region.x, region.height, region.width);
      }
  return "";
}

Window random_window(const Extent& image, std::mt19937& random) {
  const auto below = [&](int limit) { return static_cast<int>(random() % unsigned(limit)); };
  Window window;
  window.height = 1 + below(image.height);
  window.width = 1 + below(image.width);
  window.y = below(image.height - window.height + 1);
  window.x = below(image.width - window.width + 1);
  return window;
}

/// Borders and corners, single pixels and lines, and all.
std::vector<Window> special_windows(const Extent& image) {
  const int h = image.height, w = image.width;
  return {whole_of(image),  {0, 0, 1, 1},         {h - 1, w - 1, 1, 1}, {0, w - 1, h, 1},
          {h - 1, 0, 1, w}, {0, 0, 1, w},         {0, 0, h, 1},         {h / 2, w / 2, 1, 1},
          {0, w / 2, h, 1}, {h / 2, 0, 1, w},     {0, w / 2, 1, 1},     {h - 1, w / 2, 1, 1},
          {h / 2, 0, 1, 1}, {h / 2, w - 1, 1, 1}, {0, 0, h - h / 2, w}, {0, 0, h, w - w / 2}};
}

using Case = std::tuple<JpegLayout, Extent>;
class DecodeRegion : public testing::TestWithParam<Case> {};

TEST_P(DecodeRegion, GivesThePixelsOfTheWhole) {
  const auto& [layout, extent] = GetParam();
  const Bytes bytes = encode_noisy_jpeg(layout, extent);
  const Image whole = decoded(bytes);
  std::mt19937 random(3);
  std::vector<Window> windows = special_windows(extent);
  for (int i = 0; i < 150; ++i) windows.push_back(random_window(extent, random));
  for (const Window& region : windows)
    ASSERT_EQ(first_difference(whole, decoded(bytes, region), region), "");
}

// As long as a region is wanted at the top left only, the rest of the file still has to be there.
TEST_P(DecodeRegion, FindsDamageOutsideTheRegion) {
  const auto& [layout, extent] = GetParam();
  const Bytes bytes = encode_noisy_jpeg(layout, extent);
  for (const std::size_t missing : {3, 4, 10, 30, 100, 300}) {
    if (missing >= bytes.size()) continue;
    const Bytes cut(bytes.begin(), bytes.end() - std::ptrdiff_t(missing));
    const std::string expected = tried(cut, std::nullopt).second;
    EXPECT_NE(expected, "") << missing;
    EXPECT_EQ(tried(cut, Window{0, 0, 1, 1}).second, expected) << missing;
  }
}

std::vector<JpegLayout> layouts() {
  std::vector<JpegLayout> all;
  for (const bool progressive : {false, true}) {
    all.push_back({"grey", JpegColours::kGrey, 1, 1, progressive});
    all.push_back({"444", JpegColours::kYcc, 1, 1, progressive});
    all.push_back({"422", JpegColours::kYcc, 2, 1, progressive});
    all.push_back({"440", JpegColours::kYcc, 1, 2, progressive});
    all.push_back({"420", JpegColours::kYcc, 2, 2, progressive});
    all.push_back({"411", JpegColours::kYcc, 4, 1, progressive});
    all.push_back({"410", JpegColours::kYcc, 4, 2, progressive});
    all.push_back({"rgb", JpegColours::kRgb, 1, 1, progressive});
    all.push_back({"cmyk", JpegColours::kCmyk, 1, 1, progressive});
    all.push_back({"ycck", JpegColours::kYcck, 2, 2, progressive});
  }
  all.push_back({"420restarts", JpegColours::kYcc, 2, 2, false, 3});
  return all;
}

std::string name_of(const testing::TestParamInfo<Case>& test) {
  const auto& [layout, extent] = test.param;
  return fmt::format("{}{}_{}x{}", layout.name, layout.progressive ? "progressive" : "",
                     extent.height, extent.width);
}

INSTANTIATE_TEST_SUITE_P(, DecodeRegion,
                         testing::Combine(testing::ValuesIn(layouts()),
                                          testing::Values(Extent{1, 1}, Extent{5, 3},
                                                          Extent{17, 19}, Extent{64, 96},
                                                          Extent{101, 133})),
                         name_of);

// libjpeg smooths the blocks of a progressive JPEG whose last scans are missing.
TEST(DecodeRegionOfSmoothedJpegs, GivesThePixelsOfTheWhole) {
  const Extent extent{101, 133};
  for (const auto& [across, down] : {std::pair{1, 1}, std::pair{2, 2}, std::pair{4, 1}}) {
    const Bytes all =
        encode_noisy_jpeg({"progressive", JpegColours::kYcc, across, down, true}, extent);
    const Image complete = decoded(all);
    for (const int scans : {1, 2, 4, 7}) {
      const Bytes bytes = with_scans(scans, all);
      const Image whole = decoded(bytes);
      ASSERT_NE(first_difference(complete, whole, whole_of(extent)), "");
      std::mt19937 random(3);
      for (int i = 0; i < 100; ++i) {
        const Window region = random_window(extent, random);
        ASSERT_EQ(first_difference(whole, decoded(bytes, region), region), "") << scans;
      }
    }
  }
}

// Whatever a flip of a bit does, it does the same to a region.
TEST(DecodeRegionOfDamagedJpegs, EndsAsTheWholeDoes) {
  const Extent extent{70, 90};
  const Window region{20, 40, 13, 21};
  for (const bool progressive : {false, true}) {
    const Bytes good = encode_noisy_jpeg({"420", JpegColours::kYcc, 2, 2, progressive, 3}, extent);
    for (std::size_t at = 2; at < good.size(); at += 1 + at / 16) {
      Bytes bad = good;
      bad[at] ^= static_cast<std::uint8_t>(1U << (at % 8));
      const auto [whole, message] = tried(bad, std::nullopt);
      const auto [part, part_message] = tried(bad, region);
      ASSERT_EQ(part_message, message) << at;
      if (message.empty() && fits(region, {whole.height, whole.width})) {
        ASSERT_EQ(first_difference(whole, part, region), "") << at;
      }
    }
  }
}

TEST(DecodeRegionChoice, IsAskedWithTheUprightSize) {
  const Bytes sideways =
      with_orientation(6, encode_noisy_jpeg({"420", JpegColours::kYcc, 2, 2, false}, {30, 50}));
  const Image whole = decoded(sideways);
  ASSERT_EQ(whole.height, 50);
  Extent asked;
  Image part;
  const Window region{20, 10, 7, 9};
  decode_image(
      sideways,
      [&](const Extent& extent) {
        asked = extent;
        return region;
      },
      part);
  EXPECT_EQ(asked, (Extent{50, 30}));
  EXPECT_EQ(first_difference(whole, part, region), "");
}

TEST(DecodeRegionChoice, IsRefusedWhereItLeavesTheImage) {
  const Bytes bytes = encode_noisy_jpeg({"420", JpegColours::kYcc, 2, 2, false}, {30, 50});
  for (const Window& region : {Window{0, 0, 31, 50}, Window{0, 1, 30, 50}, Window{-1, 0, 5, 5},
                               Window{0, 0, 0, 5}, Window{29, 49, 1, 2}})
    EXPECT_THROW(decoded(bytes, region), std::invalid_argument);
}

// What is left out is not computed: else a part would not be cheaper than the whole.
TEST(DecodeRegionChoice, LeavesTheRestAsItWas) {
  const Bytes bytes = encode_noisy_jpeg({"420", JpegColours::kYcc, 2, 2, false}, {128, 128});
  const Image part = decoded(bytes, {40, 40, 8, 8});
  for (const auto& [y, x] : {std::pair{39, 44}, std::pair{48, 44}, std::pair{44, 31},
                             std::pair{44, 50}, std::pair{0, 0}, std::pair{126, 44}})
    for (int c = 0; c < 3; ++c) EXPECT_EQ(part.pixels[(y * 128 + x) * 3 + c], kStale) << y;
}

}  // namespace
}  // namespace resnext::data
