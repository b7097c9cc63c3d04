#include "data/synthetic.h"

#include <algorithm>
#include <array>
#include <span>
#include <stdexcept>

#include <fmt/format.h>

#include "data/random.h"

namespace resnext::data {
namespace {

// A class is a coarse grid of random grey values a channel, interpolated bilinearly and wrapped
// around the edges. A sample shifts that pattern at random and adds noise. All arithmetic is on
// integers, so that every machine makes the same bytes.
constexpr int kGrid = 4;           // cells a side
constexpr int kFraction = 1 << 8;  // positions between cells are in 1/256
constexpr int kNoise = 64;         // largest noise, of 255

using Grid = std::array<std::array<int, kGrid>, kGrid>;  // [y][x], 0 to 255

/// A position on the grid: between `cell` and the next one around, `fraction` / kFraction on the
/// way.
struct GridPosition {
  int cell = 0, next = 0, fraction = 0;
};

GridPosition grid_position(std::uint64_t pixel, int length) {
  const auto at = static_cast<int>(pixel % length * (kGrid * kFraction) / length);
  const int cell = at / kFraction;
  return {cell, (cell + 1) % kGrid, at % kFraction};
}

class Synthetic final : public ImageSource {
 public:
  explicit Synthetic(const SyntheticOptions& options) : options_(options) {
    if (options.classes < 1 || options.height < 1 || options.width < 1 ||
        (options.channels != 1 && options.channels != 3))
      throw std::invalid_argument(fmt::format(
          "a synthetic set of {} classes of {}x{}x{}: classes, height and width must be "
          "positive, channels 1 or 3",
          options.classes, options.height, options.width, options.channels));
    info_.name = "synthetic";
    info_.identity =
        fmt::format("synthetic-v1-{}x{}x{}x{}-classes{}-seed{}", options.size, options.height,
                    options.width, options.channels, options.classes, options.seed);
    info_.size = options.size;
    for (int c = 0; c < options.classes; ++c)
      info_.class_names.push_back(fmt::format("class{}", c));
    info_.encoding = Encoding::kRaw;
    info_.height = options.height;
    info_.width = options.width;
    info_.channels = options.channels;
    for (int x = 0; x <= options.width + options.width / 4; ++x)
      positions_.push_back(grid_position(x, options.width));
  }

  const DatasetInfo& info() const override { return info_; }
  bool reads_in_parallel() const override { return true; }

  void read(std::size_t index, StoredSample& sample) override {
    if (index >= info_.size)
      throw std::out_of_range(fmt::format("synthetic: no sample {} of {}", index, info_.size));
    sample.label = static_cast<std::int32_t>(index % options_.classes);
    const std::size_t row_bytes = std::size_t(options_.width) * options_.channels;
    sample.bytes.resize(options_.height * row_bytes);

    Draws draws(Purpose::kSynthetic, {options_.seed, index});
    const std::uint64_t shift_y = draws.below(options_.height / 4 + 1);
    const std::uint64_t shift_x = draws.below(options_.width / 4 + 1);
    const Pattern pattern{grids_of(sample.label),
                          std::span(positions_).subspan(shift_x, options_.width)};
    for (int y = 0; y < options_.height; ++y)
      draw_row(pattern, grid_position(y + shift_y, options_.height),
               std::span(sample.bytes).subspan(y * row_bytes, row_bytes));
    add_noise(draws, sample.bytes);
  }

 private:
  /// What a sample is drawn from.
  struct Pattern {
    std::array<Grid, 3> grids;  ///< one a channel
    std::span<const GridPosition> columns;
  };

  static std::array<Grid, 3> grids_of(int label) {
    std::array<Grid, 3> grids{};
    Draws draws(Purpose::kPattern, {static_cast<std::uint64_t>(label)});
    for (Grid& grid : grids)
      for (auto& row : grid)
        for (int& value : row) value = static_cast<int>(draws.below(256));
    return grids;
  }

  void draw_row(const Pattern& pattern, const GridPosition& y, std::span<std::uint8_t> row) const {
    for (int c = 0; c < options_.channels; ++c) {
      std::array<int, kGrid> line;  // the grid at this height, in 1/kFraction
      for (int x = 0; x < kGrid; ++x)
        line[x] = pattern.grids[c][y.cell][x] * (kFraction - y.fraction) +
                  pattern.grids[c][y.next][x] * y.fraction;
      std::size_t at = c;
      for (const GridPosition& x : pattern.columns) {
        row[at] = static_cast<std::uint8_t>(
            (line[x.cell] * (kFraction - x.fraction) + line[x.next] * x.fraction) /
            (kFraction * kFraction));
        at += options_.channels;
      }
    }
  }

  /// Adds to each byte the difference of two uniform draws from [0, kNoise).
  static void add_noise(Draws& draws, std::span<std::uint8_t> bytes) {
    for (std::size_t i = 0; i < bytes.size(); i += 4) {
      std::uint64_t bits = draws.bits();
      for (std::size_t j = i; j < std::min(i + 4, bytes.size()); ++j, bits >>= 16) {
        const int noise = static_cast<int>(bits % kNoise) - static_cast<int>((bits >> 8) % kNoise);
        bytes[j] = static_cast<std::uint8_t>(std::clamp(bytes[j] + noise, 0, 255));
      }
    }
  }

  SyntheticOptions options_;
  DatasetInfo info_;
  std::vector<GridPosition> positions_;  ///< of pixels, also of those that a shift brings in
};

}  // namespace

std::unique_ptr<ImageSource> make_synthetic(const SyntheticOptions& options) {
  return std::make_unique<Synthetic>(options);
}

}  // namespace resnext::data
