#include "data/pack/image_index.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace resnext::data {
namespace {

ImageIndex make_index(std::size_t classes, std::size_t images) {
  std::vector<ClassImages> all(classes);
  for (std::size_t i = 0; i < classes; ++i) {
    for (std::size_t j = 0; j < images + i; ++j)
      all[i].add(fmt::format("n{:08}_{}.JPEG", i, j), 1000 * i + j);
    all[i].shrink();
  }
  return ImageIndex(std::move(all));
}

TEST(ImageIndex, FindsClassNameAndSizeOfEveryImage) {
  const ImageIndex index = make_index(4, 3);
  ASSERT_EQ(index.size(), 3u + 4 + 5 + 6);
  std::size_t number = 0;
  for (std::size_t i = 0; i < 4; ++i)
    for (std::size_t j = 0; j < 3 + i; ++j, ++number) {
      const auto [label, within] = index.place(number);
      EXPECT_EQ(label, i);
      EXPECT_EQ(index.classes()[label].name(within), fmt::format("n{:08}_{}.JPEG", i, j));
      EXPECT_EQ(index.classes()[label].bytes(within), 1000 * i + j);
    }
}

TEST(ImageIndex, TakesEightBytesAndTheNameForAnImage) {
  const ImageIndex index = make_index(50, 1300);
  std::uint64_t names = 0;
  for (const auto& images : index.classes())
    for (std::size_t i = 0; i < images.size(); ++i) names += images.name(i).size();
  EXPECT_LT(index.memory_bytes(), names + 9 * index.size());
  EXPECT_GE(index.memory_bytes(), names + 8 * index.size());
}

TEST(ImageIndex, RefusesAFileThatItsNumbersCannotHold) {
  ClassImages images;
  images.add("largest.png", 0xffffffffu);
  EXPECT_EQ(images.bytes(0), 0xffffffffu);
  EXPECT_THROW(images.add("larger.png", 0x100000000u), std::runtime_error);
}

}  // namespace
}  // namespace resnext::data
