// Every instruction set's kernels against plain loops in double precision, and against one another
// bit for bit.

#include "data/augment/pixel_kernels.h"

#include <cmath>
#include <cstdlib>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "cli/instruction_set.h"

namespace resnext::data {
namespace {

constexpr float kGuard = 777.0F;  // behind each output, to see writes past its end

using Floats = std::vector<float>;

Floats guarded(std::size_t count) {
  return Floats(count + 1, kGuard);
}

Floats random_floats(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-20.0F, 280.0F);
  Floats values(count);
  for (float& value : values) value = uniform(random);
  return values;
}

/// Close to `expected` where sums of a few terms below 300 are rounded to floats.
void expect_close(const Floats& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size() + 1);
  EXPECT_EQ(actual.back(), kGuard);
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], 2e-4) << "value " << i;
}

class PixelKernelsTest : public testing::TestWithParam<std::string> {
 protected:
  const PixelKernels& kernels_ = pixel_kernels(GetParam());
  const PixelKernels& portable_ = pixel_kernels("portable");
};

INSTANTIATE_TEST_SUITE_P(, PixelKernelsTest, testing::ValuesIn(cli::available_instruction_sets()),
                         [](const auto& test) { return test.param; });

TEST_P(PixelKernelsTest, BlendRows) {
  for (const std::size_t count : {1, 3, 7, 8, 15, 33, 64, 100, 901}) {
    std::mt19937 random(static_cast<unsigned>(count));
    std::vector<std::uint8_t> rows[4];
    for (auto& row : rows)
      for (std::size_t i = 0; i < count; ++i) row.push_back(std::uint8_t(random() % 256));
    const std::uint8_t* const inputs[] = {rows[0].data(), rows[1].data(), rows[2].data(),
                                          rows[3].data()};
    const float weight[] = {-0.07F, 0.87F, 0.23F, -0.03F};
    std::vector<double> expected(count);
    for (std::size_t i = 0; i < count; ++i)
      for (int k = 0; k < 4; ++k) expected[i] += double(weight[k]) * rows[k][i];
    Floats actual = guarded(count), other = guarded(count);
    kernels_.blend_rows(inputs, weight, count, actual.data());
    portable_.blend_rows(inputs, weight, count, other.data());
    expect_close(actual, expected);
    EXPECT_EQ(actual, other);
  }
}

/// Columns here and there over a row of `pixels`, forwards and backwards.
std::vector<ColumnTaps> some_columns(std::size_t count, int pixels) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(-0.2F, 0.9F);
  std::vector<ColumnTaps> columns(count);
  for (ColumnTaps& column : columns) {
    column.first = static_cast<int>(random() % unsigned(pixels - 3));
    for (float& weight : column.weight) weight = uniform(random);
  }
  return columns;
}

std::vector<double> blended(const Floats& row, const std::vector<ColumnTaps>& columns, int channels,
                            const ChannelMap& map) {
  std::vector<double> expected(columns.size() * channels);
  for (int c = 0; c < channels; ++c)
    for (std::size_t x = 0; x < columns.size(); ++x) {
      double value = 0;
      for (int k = 0; k < 4; ++k)
        value += double(columns[x].weight[k]) * row[(columns[x].first + k) * channels + c];
      expected[c * columns.size() + x] = value * map.scale[c] + map.shift[c];
    }
  return expected;
}

TEST_P(PixelKernelsTest, BlendColumns) {
  constexpr int kPixels = 50;
  const ChannelMap map{{0.5F, -0.25F, 0.125F}, {3, 4, 5}};
  const Floats colours = random_floats(kPixels * 3 + kRowSlack, 1);
  const Floats greys = random_floats(kPixels, 2);
  for (const std::size_t count : {1, 2, 3, 4, 5, 7, 8, 16, 31, 224}) {
    const std::vector<ColumnTaps> columns = some_columns(count, kPixels);
    Floats actual = guarded(3 * count), other = guarded(3 * count);
    kernels_.blend_columns_rgb(colours.data(), columns.data(), count, map, actual.data(), count);
    portable_.blend_columns_rgb(colours.data(), columns.data(), count, map, other.data(), count);
    expect_close(actual, blended(colours, columns, 3, map));
    EXPECT_EQ(actual, other);
    Floats grey = guarded(count), other_grey = guarded(count);
    kernels_.blend_columns_grey(greys.data(), columns.data(), count, map, grey.data());
    portable_.blend_columns_grey(greys.data(), columns.data(), count, map, other_grey.data());
    expect_close(grey, blended(greys, columns, 1, map));
    EXPECT_EQ(grey, other_grey);
  }
}

// A column's result must not depend on its neighbours': mirrored images are mirrored exactly.
TEST_P(PixelKernelsTest, ColumnsAreIndependent) {
  constexpr int kPixels = 50;
  const Floats row = random_floats(kPixels * 3 + kRowSlack, 1);
  const std::vector<ColumnTaps> columns = some_columns(13, kPixels);
  Floats all(3 * 13), one(3);
  kernels_.blend_columns_rgb(row.data(), columns.data(), 13, {}, all.data(), 13);
  for (std::size_t x = 0; x < 13; ++x) {
    kernels_.blend_columns_rgb(row.data(), &columns[x], 1, {}, one.data(), 1);
    for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(one[c], all[c * 13 + x]);
  }
}

TEST_P(PixelKernelsTest, Sum) {
  for (const std::size_t count : {0, 1, 15, 16, 17, 50, 50176}) {
    const Floats values = random_floats(count, 4);
    long double expected = 0;
    for (const float value : values) expected += value;
    const double actual = kernels_.sum(values.data(), count);
    EXPECT_NEAR(actual, double(expected), 1e-12 * 280 * double(count));
    EXPECT_EQ(actual, portable_.sum(values.data(), count));
  }
}

TEST_P(PixelKernelsTest, AdjustColours) {
  ColourMap map{{0.9F, 0.8F, 1.1F}, {0.1F, -0.2F, 0.3F}, {1, 2, -3}, {0.299F, 0.587F, 0.114F}};
  for (const std::size_t count : {1, 4, 8, 21, 100}) {
    const Floats before = random_floats(3 * count, 5);
    std::vector<double> expected(3 * count);
    for (std::size_t i = 0; i < count; ++i) {
      double grey = 0;
      for (int c = 0; c < 3; ++c) grey += double(map.weight[c]) * before[c * count + i];
      for (int c = 0; c < 3; ++c)
        expected[c * count + i] = double(map.of_value[c]) * before[c * count + i] +
                                  double(map.of_grey[c]) * grey + map.shift[c];
    }
    Floats actual = before, other = before;
    actual.push_back(kGuard);
    const auto adjust = [&](const PixelKernels& kernels, Floats& planes) {
      float* const red = planes.data();
      kernels.adjust_colours(map, red, red + count, red + 2 * count, count);
    };
    adjust(kernels_, actual);
    adjust(portable_, other);
    expect_close(actual, expected);
    actual.pop_back();
    EXPECT_EQ(actual, other);
  }
}

/// RESNEXT_ISA set for a scope.
class ForcedKernels {
 public:
  explicit ForcedKernels(const char* name) {
    if (const char* old = std::getenv("RESNEXT_ISA")) before_ = old;
    setenv("RESNEXT_ISA", name, 1);
  }
  ~ForcedKernels() {
    if (before_)
      setenv("RESNEXT_ISA", before_->c_str(), 1);
    else
      unsetenv("RESNEXT_ISA");
  }
  ForcedKernels(const ForcedKernels&) = delete;
  ForcedKernels& operator=(const ForcedKernels&) = delete;

 private:
  std::optional<std::string> before_;
};

TEST(ChoiceOfPixelKernels, FollowsTheEnvironment) {
  for (const std::string& name : cli::available_instruction_sets()) {
    const ForcedKernels forced(name.c_str());
    EXPECT_EQ(pixel_kernels().name, name);
  }
}

TEST(ChoiceOfPixelKernels, NamesWhatIsThereWhereItIsNot) {
  const ForcedKernels forced("avx1024");
  try {
    pixel_kernels();
    FAIL() << "no error";
  } catch (const std::runtime_error& error) {
    const std::string message = error.what();
    EXPECT_EQ(
        message.find("this machine cannot run the instruction set 'avx1024' (RESNEXT_ISA); it "
                     "has: "),
        0u)
        << message;
    EXPECT_NE(message.find("portable"), std::string::npos);
  }
}

}  // namespace
}  // namespace resnext::data
