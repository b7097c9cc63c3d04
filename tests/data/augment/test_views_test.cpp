#include "data/augment/test_views.h"

#include <array>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/data/torch_transforms.h"

namespace resnext::data {
namespace {

constexpr double kTolerance = 1e-5;  // of normalised values

/// All views, one after the other.
std::vector<float> written(const TestViews& views, const Image& image) {
  std::vector<float> all;
  ResizeScratch scratch;
  for (int view = 0; view < views.count(); ++view) {
    const Extent extent = views.extent(view, {image.height, image.width});
    std::vector<float> output(std::size_t(extent.height) * extent.width * image.channels);
    views.write(image, view, scratch, output);
    all.insert(all.end(), output.begin(), output.end());
  }
  return all;
}

double difference(const std::vector<TestView>& views, const Photo& photo,
                  const std::vector<std::string>& chains) {
  return largest_difference(written(TestViews(views, kImageNetStatistics), photo.image),
                            torch_output(photo, chains));
}

const std::string kNormalise = torch_normalise(kImageNetStatistics);

// Odd and even margins, tall and wide, larger and smaller than the size wanted, and of that size.
TEST(TestViews, CentreCropsAgreeWithTorch) {
  for (const auto& [height, width] :
       {std::pair{90, 121}, {141, 87}, {33, 50}, {72, 99}, {80, 80}}) {
    const Photo photo(fmt::format("{}x{}.png", height, width), height, width);
    const auto chain = [](int shorter, int crop) {
      return fmt::format("scale_shorter {}; {}; centre_crop {}", shorter, kNormalise, crop);
    };
    std::vector<TestView> views = centre_crop_views(72, 63);
    views.push_back(centre_crop_views(80, 80).front());
    EXPECT_LT(difference(views, photo, {chain(72, 63), chain(80, 80)}), kTolerance);
  }
}

TEST(TestViews, TheCropOfTable5AgreesWithTorch) {
  const Photo photo("photo.jpg", 333, 500);
  EXPECT_LT(difference(centre_crop_views(320, 320), photo,
                       {fmt::format("scale_shorter 320; {}; centre_crop 320", kNormalise)}),
            kTolerance);
}

// In Torch's order, and with its odd pixel: the centre of the mirrored image is not the mirrored
// centre of the image.
TEST(TestViews, TenCropsAgreeWithTorch) {
  for (const auto& [height, width] : {std::pair{90, 121}, {141, 87}}) {
    const Photo photo(fmt::format("{}x{}.png", height, width), height, width);
    EXPECT_LT(difference(ten_crop_views(72, 63), photo,
                         {fmt::format("scale_shorter 72; {}; ten_crop 63", kNormalise)}),
              kTolerance);
  }
}

TEST(TestViews, WholeImagesAgreeWithTorchAtEveryScale) {
  const Photo photo("photo.jpg", 90, 121);
  const std::array<int, 3> sides = {64, 90, 101};
  std::vector<std::string> plain, mirrored;
  for (const int side : sides) {
    plain.push_back(fmt::format("scale_shorter {}; {}", side, kNormalise));
    mirrored.push_back(plain.back());
    mirrored.push_back(plain.back() + "; hflip");
  }
  EXPECT_LT(difference(dense_views(sides, false), photo, plain), kTolerance);
  EXPECT_LT(difference(dense_views(sides, true), photo, mirrored), kTolerance);
  const TestViews views(dense_views(sides, true), kImageNetStatistics);
  ASSERT_EQ(views.count(), 6);
  EXPECT_EQ(views.extent(1, {90, 121}), (Extent{64, 86}));
  EXPECT_EQ(views.extent(2, {90, 121}), (Extent{90, 121}));
  EXPECT_EQ(views.extent(4, {121, 90}), (Extent{135, 101}));
}

TEST(TestViews, CropsHaveTheSizeAskedForWhateverTheImage) {
  const TestViews views(ten_crop_views(256, 224), kImageNetStatistics);
  ASSERT_EQ(views.count(), 10);
  for (const Extent image : {Extent{1, 1}, {1, 700}, {700, 1}, {256, 256}, {499, 332}})
    for (int view = 0; view < 10; ++view) EXPECT_EQ(views.extent(view, image), (Extent{224, 224}));
  Image thin;
  thin.resize(1, 70, 3);
  EXPECT_EQ(written(views, thin).size(), 10u * 3 * 224 * 224);
}

TEST(TestViews, RefusesWhatDoesNotFit) {
  const auto make = [](const std::vector<TestView>& views) {
    return TestViews(views, kImageNetStatistics);
  };
  EXPECT_THROW(make({}), std::invalid_argument);
  EXPECT_THROW(make(centre_crop_views(224, 256)), std::invalid_argument);
  EXPECT_THROW(make(ten_crop_views(0, 0)), std::invalid_argument);
  const TestViews views = make(centre_crop_views(72, 64));
  Image image;
  image.resize(80, 90, 3);
  ResizeScratch scratch;
  std::vector<float> output(64 * 64 * 3);
  EXPECT_NO_THROW(views.write(image, 0, scratch, output));
  EXPECT_THROW(views.write(image, 1, scratch, output), std::out_of_range);
  output.pop_back();
  EXPECT_THROW(views.write(image, 0, scratch, output), std::invalid_argument);
}

}  // namespace
}  // namespace resnext::data
