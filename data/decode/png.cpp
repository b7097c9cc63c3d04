#include "data/decode/png.h"

#include <algorithm>
#include <csetjmp>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <png.h>

namespace resnext::data {

namespace {

constexpr std::size_t kRgba = 4;
/// Decoding more would take minutes; no sane data set has such images.
constexpr std::size_t kMaxPixelsInFile = std::size_t(1) << 32;

/// Owns libpng's structures. Each run() is a region that libpng may jump out of.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, on_error, on_warning);
    info_ = png_ ? png_create_info_struct(png_) : nullptr;
    if (!info_) {
      png_destroy_read_struct(&png_, nullptr, nullptr);
      throw std::bad_alloc();
    }
    png_set_read_fn(png_, this, read_bytes);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  /// Runs calls into libpng and turns a jump into an exception. `calls` is jumped over without
  /// cleaning up, so it must not own anything.
  template <typename Calls>
  void run(const Calls& calls) {
    if (setjmp(jump_) != 0) throw std::runtime_error(std::string("PNG: ") + message_);
    calls();
  }

  png_structp png() { return png_; }
  png_infop info() { return info_; }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    auto* reader = static_cast<Reader*>(png_get_error_ptr(png));
    std::strncpy(reader->message_, message, sizeof reader->message_ - 1);
    std::longjmp(reader->jump_, 1);
  }
  static void on_warning(png_structp, png_const_charp) {}

  static void read_bytes(png_structp png, png_bytep out, std::size_t count) {
    auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
    if (count > reader->bytes_.size()) png_error(png, "ends too early");
    std::memcpy(out, reader->bytes_.data(), count);
    reader->bytes_ = reader->bytes_.subspan(count);
  }

  std::span<const std::uint8_t> bytes_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf jump_{};
  char message_[200] = {};
};

/// Reads the header and asks for rows of 8-bit RGBA, whatever is stored.
void start(Reader& reader) {
  reader.run([&] {
    png_structp png = reader.png();
    png_read_info(png, reader.info());
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_add_alpha(png, 0xff, PNG_FILLER_AFTER);
    png_set_interlace_handling(png);
    png_read_update_info(png, reader.info());
  });
  if (png_get_rowbytes(reader.png(), reader.info()) !=
      kRgba * png_get_image_width(reader.png(), reader.info()))
    throw std::runtime_error("PNG: unknown colour type");
}

/// The pixel's colour over white.
std::uint8_t over_white(std::uint8_t value, std::uint8_t alpha) {
  return static_cast<std::uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

void row_to_rgb(const std::uint8_t* rgba, std::size_t width, std::uint8_t* rgb) {
  for (std::size_t x = 0; x < width; ++x, rgba += kRgba)
    for (std::size_t c = 0; c < 3; ++c) *rgb++ = over_white(rgba[c], rgba[3]);
}

void read_interlaced(Reader& reader, Image& image) {
  const std::size_t width = image.width, height = image.height;
  std::vector<std::uint8_t> rgba(width * height * kRgba);
  std::vector<png_bytep> rows;
  for (std::size_t y = 0; y < height; ++y) rows.push_back(rgba.data() + y * width * kRgba);
  reader.run([&] {
    png_read_image(reader.png(), rows.data());
    png_read_end(reader.png(), nullptr);
  });
  row_to_rgb(rgba.data(), width * height, image.pixels.data());
}

void read_rows(Reader& reader, Image& image) {
  const std::size_t width = image.width;
  std::vector<std::uint8_t> rgba(width * kRgba);
  reader.run([&] {
    for (int y = 0; y < image.height; ++y) {
      png_read_row(reader.png(), rgba.data(), nullptr);
      row_to_rgb(rgba.data(), width, image.pixels.data() + std::size_t(y) * width * 3);
    }
    png_read_end(reader.png(), nullptr);
  });
}

/// Sums of `factor` x `factor` pixels, row by row; at the right and lower edge of fewer.
class BoxReducer {
 public:
  BoxReducer(std::size_t width, std::size_t height, std::size_t factor, Image& image)
      : width_(width), height_(height), factor_(factor), image_(image), rgb_(width * 3) {
    const std::size_t out_width = (width + factor - 1) / factor;
    image.resize(static_cast<int>((height + factor - 1) / factor), static_cast<int>(out_width), 3);
    sums_.resize(out_width * 3);
  }

  void add_row(std::size_t y, const std::uint8_t* rgba) {
    row_to_rgb(rgba, width_, rgb_.data());
    const std::uint8_t* rgb = rgb_.data();
    for (std::size_t i = 0, x = 0; i < sums_.size(); i += 3)
      for (const std::size_t end = std::min(x + factor_, width_); x < end; ++x)
        for (std::size_t c = 0; c < 3; ++c) sums_[i + c] += *rgb++;
    if (y % factor_ == factor_ - 1 || y == height_ - 1) finish_row(y);
  }

 private:
  void finish_row(std::size_t y) {
    const std::size_t rows = y % factor_ + 1;
    std::uint8_t* out = image_.pixels.data() + y / factor_ * sums_.size();
    for (std::size_t i = 0; i < sums_.size(); ++i) {
      const std::uint64_t pixels = rows * std::min(factor_, width_ - i / 3 * factor_);
      out[i] = static_cast<std::uint8_t>((sums_[i] + pixels / 2) / pixels);
      sums_[i] = 0;
    }
  }

  std::size_t width_, height_, factor_;
  Image& image_;
  std::vector<std::uint8_t> rgb_;
  std::vector<std::uint64_t> sums_;
};

void read_reduced(Reader& reader, std::size_t width, std::size_t height, std::size_t max_pixels,
                  Image& image) {
  std::size_t factor = 2;
  while (((width + factor - 1) / factor) * ((height + factor - 1) / factor) > max_pixels) ++factor;
  BoxReducer reducer(width, height, factor, image);
  std::vector<std::uint8_t> rgba(width * kRgba);
  reader.run([&] {
    for (std::size_t y = 0; y < height; ++y) {
      png_read_row(reader.png(), rgba.data(), nullptr);
      reducer.add_row(y, rgba.data());
    }
    png_read_end(reader.png(), nullptr);
  });
}

}  // namespace

void decode_png(std::span<const std::uint8_t> bytes, std::size_t max_pixels, Image& image) {
  Reader reader(bytes);
  start(reader);
  const std::size_t width = png_get_image_width(reader.png(), reader.info());
  const std::size_t height = png_get_image_height(reader.png(), reader.info());
  const bool interlaced = png_get_interlace_type(reader.png(), reader.info()) != PNG_INTERLACE_NONE;
  const std::size_t most = interlaced ? max_pixels : kMaxPixelsInFile;
  if (width * height > most)
    throw std::runtime_error(fmt::format("PNG: {}x{}{}, too large to decode; save it smaller{}",
                                         width, height, interlaced ? " and interlaced" : "",
                                         interlaced ? " or without interlacing" : ""));
  if (width * height > max_pixels) return read_reduced(reader, width, height, max_pixels, image);
  image.resize(static_cast<int>(height), static_cast<int>(width), 3);
  if (interlaced) return read_interlaced(reader, image);
  read_rows(reader, image);
}

}  // namespace resnext::data
