#include "data/decode/jpeg.h"

#include <csetjmp>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <jpeglib.h>
// After jpeglib.h, which says what its macros are for.
#include <jerror.h>

#include "data/decode/exif.h"

namespace resnext::data {

namespace {

/// libjpeg reports errors by a callback that must not return.
struct ErrorManager {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is one to the whole
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

void jump_out(j_common_ptr info) {
  auto* manager = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, manager->message);
  std::longjmp(manager->jump, 1);
}

/// Warnings are for oddities that every decoder puts up with, except that the data ended too early:
/// libjpeg would fill the rest with grey.
void fail_on_premature_end(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) jump_out(info);
}

/// Owns the decompressor. Each run() is a region that libjpeg may jump out of.
class Decompressor {
 public:
  Decompressor() {
    info_.err = jpeg_std_error(&errors_.base);
    errors_.base.error_exit = jump_out;
    errors_.base.emit_message = fail_on_premature_end;
    run([this] { jpeg_create_decompress(&info_); });
  }
  Decompressor(const Decompressor&) = delete;
  Decompressor& operator=(const Decompressor&) = delete;
  ~Decompressor() { jpeg_destroy_decompress(&info_); }

  /// Runs calls into libjpeg and turns a jump into an exception. `calls` is jumped over without
  /// cleaning up, so it must not own anything.
  template <typename Calls>
  void run(const Calls& calls) {
    if (setjmp(errors_.jump) != 0)
      throw std::runtime_error(std::string("JPEG: ") + errors_.message);
    calls();
  }

  jpeg_decompress_struct& info() { return info_; }

 private:
  jpeg_decompress_struct info_{};
  ErrorManager errors_{};
};

void read_header(Decompressor& decompressor, std::span<const std::uint8_t> bytes) {
  jpeg_decompress_struct& info = decompressor.info();
  decompressor.run([&] {
    jpeg_mem_src(&info, bytes.data(), bytes.size());
    jpeg_save_markers(&info, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&info, TRUE);
  });
}

int orientation_of(const jpeg_decompress_struct& info) {
  for (const auto* marker = info.marker_list; marker; marker = marker->next) {
    const int orientation = exif_orientation({marker->data, marker->data_length});
    if (orientation != 1) return orientation;
  }
  return 1;
}

/// Sets the largest scale of eighths at which the image has at most `max_pixels`.
void choose_scale(Decompressor& decompressor, std::size_t max_pixels) {
  jpeg_decompress_struct& info = decompressor.info();
  const std::size_t pixels = std::size_t(info.image_width) * info.image_height;
  if (pixels <= max_pixels) return;
  if (jpeg_has_multiple_scans(&info))  // libjpeg then holds the coefficients of the whole image
    throw std::runtime_error(
        fmt::format("JPEG: progressive and {}x{}, too large to decode in bounded memory; save it "
                    "smaller or as baseline JPEG",
                    info.image_width, info.image_height));
  info.scale_denom = 8;
  for (info.scale_num = 7;; --info.scale_num) {
    decompressor.run([&] { jpeg_calc_output_dimensions(&info); });
    if (std::size_t(info.output_width) * info.output_height <= max_pixels || info.scale_num == 1)
      return;
  }
}

/// As in the files of Adobe's programs, which all decoders take for the rule, CMYK is stored
/// inverted: 255 is no ink.
void cmyk_row_to_rgb(const std::vector<std::uint8_t>& cmyk, std::uint8_t* rgb) {
  for (std::size_t i = 0; i + 3 < cmyk.size(); i += 4)
    for (std::size_t c = 0; c < 3; ++c)
      *rgb++ = static_cast<std::uint8_t>((cmyk[i + c] * cmyk[i + 3] + 127) / 255);
}

void read_pixels(Decompressor& decompressor, Image& image) {
  jpeg_decompress_struct& info = decompressor.info();
  const bool is_cmyk = info.num_components == 4;
  info.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
  decompressor.run([&] { jpeg_start_decompress(&info); });
  image.resize(static_cast<int>(info.output_height), static_cast<int>(info.output_width), 3);
  std::vector<std::uint8_t> cmyk(is_cmyk ? std::size_t(info.output_width) * 4 : 0);
  decompressor.run([&] {
    while (info.output_scanline < info.output_height) {
      std::uint8_t* rgb =
          image.pixels.data() + std::size_t(info.output_scanline) * info.output_width * 3;
      std::uint8_t* row = is_cmyk ? cmyk.data() : rgb;
      jpeg_read_scanlines(&info, &row, 1);
      if (is_cmyk) cmyk_row_to_rgb(cmyk, rgb);
    }
    jpeg_finish_decompress(&info);
  });
}

}  // namespace

void decode_jpeg(std::span<const std::uint8_t> bytes, std::size_t max_pixels, Image& image) {
  Decompressor decompressor;
  read_header(decompressor, bytes);
  const int orientation = orientation_of(decompressor.info());
  choose_scale(decompressor, max_pixels);
  read_pixels(decompressor, image);
  apply_orientation(orientation, image);
}

}  // namespace resnext::data
