// loader_rate SET [--rounds N] [--images N] [--size PIXELS]: how many JPEGs of a set of shards one
// thread turns into inputs of a network, beside libjpeg-turbo's bare decoding of the same files. As
// JSON, in images per second of the thread's processor time, which waiting for a busy machine's
// other programs is no part of: "bare" decodes whole files; "crop" is --augment imagenet, "colour"
// --augment imagenet-colour, from a file's bytes to normalised floats. Each round does all three in
// short turns, the same images with other draws.

#include <algorithm>
#include <ctime>
#include <functional>
#include <iostream>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "data/augment/pixel_kernels.h"
#include "data/augment/transform.h"
#include "data/decode/decode.h"
#include "data/decode/jpeg_decompressor.h"
#include "data/shards.h"

namespace resnext::benchmark {
namespace {

namespace po = boost::program_options;
using Files = std::vector<std::vector<std::uint8_t>>;

/// Evenly spread over the set, in memory.
Files read_files(const std::string& set, std::size_t count) {
  const auto shards = data::open_shards(set);
  if (shards->info().encoding != data::Encoding::kEncoded)
    throw std::runtime_error(set + ": a set of raw pixels, there is nothing to decode");
  Files files(std::min(count, shards->info().size));
  data::StoredSample stored;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::size_t sample = i * shards->info().size / files.size();
    shards->read(sample, stored);
    if (data::image_format(stored.bytes) != data::ImageFormat::kJpeg)
      throw std::runtime_error(fmt::format("{}: sample {}: not a JPEG", set, sample));
    files[i] = stored.bytes;
  }
  return files;
}

/// As libjpeg-turbo's documentation has it: the whole picture, a row at a time.
void decode_bare(const std::vector<std::uint8_t>& bytes, std::vector<std::uint8_t>& pixels) {
  data::JpegDecompressor decompressor;
  jpeg_decompress_struct& info = decompressor.info();
  decompressor.run([&] {
    jpeg_mem_src(&info, bytes.data(), bytes.size());
    jpeg_read_header(&info, TRUE);
    info.out_color_space = info.num_components == 4 ? JCS_CMYK : JCS_RGB;
    jpeg_start_decompress(&info);
  });
  const std::size_t stride = std::size_t(info.output_width) * info.output_components;
  pixels.resize(std::max(pixels.size(), stride * info.output_height));
  decompressor.run([&] {
    while (info.output_scanline < info.output_height) {
      std::uint8_t* row = pixels.data() + info.output_scanline * stride;
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
  });
}

/// From files to a network's input, as a decoding thread of the loader does it.
class Recipe {
 public:
  Recipe(const std::string& augmentation, int size)
      : transform_(data::make_augmentation(augmentation, size,
                                           {{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}})),
        output_(std::size_t(3) * size * size) {}

  void run(const std::vector<std::uint8_t>& bytes, const data::DrawKey& key) {
    const auto looked_at = [this, &key](const data::Extent& whole) {
      return transform_->looked_at(whole, key);
    };
    data::decode_image(bytes, looked_at, image_);
    transform_->apply(image_, key, scratch_, output_);
  }

 private:
  std::unique_ptr<data::Transform> transform_;
  data::Image image_;
  data::ResizeScratch scratch_;
  std::vector<float> output_;
};

double processor_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Files of a turn: what else the machine does changes from one second to the next, and turns are
/// short beside that; yet the files of one are too many to stay in a core's own cache.
constexpr std::size_t kTurn = 16;

/// What is measured: a way from a file to pixels, and how long it took for all files together.
struct Contestant {
  std::function<void(std::size_t file)> work;
  double seconds = 0;
};

/// Runs all over the files, in turns.
void take_turns(std::size_t files, std::span<Contestant> contestants) {
  for (std::size_t begin = 0; begin < files; begin += kTurn)
    for (Contestant& contestant : contestants) {
      const double start = processor_seconds();
      for (std::size_t i = begin; i < std::min(files, begin + kTurn); ++i) contestant.work(i);
      contestant.seconds += processor_seconds() - start;
    }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

/// Of each round: over the bare decoding beside it.
double median_ratio(std::vector<double> rates, const std::vector<double>& bare) {
  for (std::size_t i = 0; i < rates.size(); ++i) rates[i] /= bare[i];
  return median(rates);
}

nlohmann::ordered_json measure(const Files& files, int rounds, int size) {
  Recipe crop("imagenet", size), colour("imagenet-colour", size);
  std::vector<std::uint8_t> pixels;
  std::vector<double> bare_rates, crop_rates, colour_rates;
  for (std::uint64_t epoch = 0; epoch <= static_cast<std::uint64_t>(rounds); ++epoch) {
    Contestant all[] = {{[&](std::size_t i) { decode_bare(files[i], pixels); }},
                        {[&](std::size_t i) {
                          crop.run(files[i], {0, epoch, i});
                        }},
                        {[&](std::size_t i) {
                          colour.run(files[i], {0, epoch, i});
                        }}};
    take_turns(files.size(), all);
    if (epoch == 0) continue;  // filled memory and caches
    const auto count = static_cast<double>(files.size());
    bare_rates.push_back(count / all[0].seconds);
    crop_rates.push_back(count / all[1].seconds);
    colour_rates.push_back(count / all[2].seconds);
  }
  std::size_t bytes = 0;
  for (const auto& file : files) bytes += file.size();
  return {{"images", files.size()},
          {"mean_bytes", bytes / files.size()},
          {"size", size},
          {"kernels", data::pixel_kernels().name},
          {"bare", bare_rates},
          {"crop", crop_rates},
          {"colour", colour_rates},
          {"bare_median", median(bare_rates)},
          {"crop_median", median(crop_rates)},
          {"colour_median", median(colour_rates)},
          {"crop_over_bare", median_ratio(crop_rates, bare_rates)},
          {"colour_over_bare", median_ratio(colour_rates, bare_rates)}};
}

int run(const std::vector<std::string>& arguments) {
  std::string set;
  int rounds = 7, images = 250, size = 224;
  po::options_description options;
  options.add_options()("set", po::value(&set))("rounds", po::value(&rounds))(
      "images", po::value(&images))("size", po::value(&size));
  po::positional_options_description positional;
  positional.add("set", 1);
  po::variables_map values = cli::parse_command_line(arguments, options, positional);
  po::notify(values);
  if (set.empty() || rounds < 1 || images < 1 || size < 1)
    throw cli::UsageError(
        "usage: loader_rate SET [--rounds N] [--images N] [--size PIXELS], numbers above 0");
  std::cout << measure(read_files(set, images), rounds, size).dump(1) << "\n";
  return cli::kSuccess;
}

}  // namespace
}  // namespace resnext::benchmark

int main(int argc, char** argv) {
  return resnext::cli::run_program("loader_rate", argc, argv, resnext::benchmark::run);
}
