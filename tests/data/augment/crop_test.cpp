#include "data/augment/crop.h"

#include <cmath>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/data/torch_transforms.h"

namespace resnext::data {
namespace {

/// Prints height, width, shorter, new height, new width of 20,000 images.
std::string reference_sizes() {
  return torch_transforms_script() + R"(
random = np.random.RandomState(1)
for _ in range(20000):
    height, width = random.randint(1, 1500, 2)
    shorter = int(random.choice([32, 224, 256, 320, height, width]))
    print(height, width, shorter, *scaled_size(int(height), int(width), shorter))
)";
}

TEST(Crop, ScaledSizesAreThoseOfLua) {
  std::string script = reference_sizes();
  const std::string main = "if __name__ == '__main__':";
  script.replace(script.find(main), main.size(), "if False:");
  std::istringstream lines(run_python(script));
  Extent image, expected;
  int shorter = 0, cases = 0, cut = 0;
  while (lines >> image.height >> image.width >> shorter >> expected.height >> expected.width) {
    const Extent scaled = scale_shorter_side(image, shorter);
    ASSERT_EQ(scaled.height, expected.height) << image.height << "x" << image.width;
    ASSERT_EQ(scaled.width, expected.width) << image.height << "x" << image.width;
    const int longer = std::max(image.height, image.width);
    const int exact =
        static_cast<int>(std::int64_t(longer) * shorter / std::min(image.height, image.width));
    cut += std::max(scaled.height, scaled.width) != exact;
    ++cases;
  }
  EXPECT_EQ(cases, 20000);
  EXPECT_GT(cut, 0);  // images a pixel smaller than by exact proportion are among them
}

TEST(Crop, ImagesOfTheSizeWantedKeepIt) {
  for (int longer = 224; longer < 1000; ++longer) {
    EXPECT_EQ(scale_shorter_side({224, longer}, 224), (Extent{224, longer}));
    EXPECT_EQ(scale_shorter_side({longer, 224}, 224), (Extent{longer, 224}));
  }
}

TEST(Crop, TheOddPixelIsLeftAndAbove) {
  const Window even = centre_window({256, 340}, 224), odd = centre_window({341, 257}, 224);
  EXPECT_EQ(even.y, 16);
  EXPECT_EQ(even.x, 58);
  EXPECT_EQ(odd.y, 59);  // of 117 pixels
  EXPECT_EQ(odd.x, 17);  // of 33
}

TEST(Crop, RefusesACropLargerThanTheImage) {
  EXPECT_NO_THROW(centre_crop({300, 400}, 224, 224));
  EXPECT_THROW(centre_crop({300, 400}, 224, 225), std::invalid_argument);
}

}  // namespace
}  // namespace resnext::data
