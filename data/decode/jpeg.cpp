#include "data/decode/jpeg.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include <fmt/format.h>

#include "data/decode/exif.h"
#include "data/decode/jpeg_decompressor.h"

namespace resnext::data {

namespace {

void read_header(JpegDecompressor& decompressor, std::span<const std::uint8_t> bytes) {
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
void choose_scale(JpegDecompressor& decompressor, std::size_t max_pixels) {
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
void cmyk_row_to_rgb(const std::uint8_t* cmyk, std::size_t pixels, std::uint8_t* rgb) {
  for (; pixels > 0; --pixels, cmyk += 4)
    for (std::size_t c = 0; c < 3; ++c)
      *rgb++ = static_cast<std::uint8_t>((cmyk[c] * cmyk[3] + 127) / 255);
}

Extent output_extent(const jpeg_decompress_struct& info) {
  return {static_cast<int>(info.output_height), static_cast<int>(info.output_width)};
}

/// Decodes rows into the image, from the column that libjpeg begins at.
class RowReader {
 public:
  /// After jpeg_start_decompress(). Only columns [begin, end) will be right: libjpeg decodes them,
  /// those before as far as the blocks' border, and some around.
  RowReader(JpegDecompressor& decompressor, int begin, int end, Image& image)
      : decompressor_(decompressor), info_(decompressor.info()), image_(image) {
    const int width = output_extent(info_).width;
    // Where chroma is interpolated, a pixel looks two columns to each side at most, and libjpeg
    // takes the border of what it decodes for the border of the image.
    constexpr int kMargin = 2;
    first_ = static_cast<JDIMENSION>(std::max(0, begin - kMargin));
    JDIMENSION columns = static_cast<JDIMENSION>(std::min(width, end + kMargin)) - first_;
    decompressor_.run([&] { jpeg_crop_scanline(&info_, &first_, &columns); });
    if (info_.out_color_space == JCS_CMYK) cmyk_.resize(std::size_t(columns) * 4);
  }

  /// The rows up to `end`.
  void read_until(int end) {
    decompressor_.run([&] {
      while (info_.output_scanline < static_cast<JDIMENSION>(end)) read_row();
    });
  }

  /// Leaves out the rows up to `row`, to go on there.
  void skip_until(int row) {
    const JDIMENSION rows = static_cast<JDIMENSION>(row) - info_.output_scanline;
    if (rows > 0) decompressor_.run([&] { jpeg_skip_scanlines(&info_, rows); });
  }

 private:
  void read_row() {
    std::uint8_t* const rgb =
        image_.pixels.data() + (std::size_t(info_.output_scanline) * image_.width + first_) * 3;
    std::uint8_t* row = cmyk_.empty() ? rgb : cmyk_.data();
    jpeg_read_scanlines(&info_, &row, 1);
    if (!cmyk_.empty()) cmyk_row_to_rgb(cmyk_.data(), info_.output_width, rgb);
  }

  JpegDecompressor& decompressor_;
  jpeg_decompress_struct& info_;
  Image& image_;
  JDIMENSION first_ = 0;  ///< the image's column where decoded rows begin
  std::vector<std::uint8_t> cmyk_;
};

/// The region's pixels, then what is left of the compressed data: it may end too early.
void read_pixels(JpegDecompressor& decompressor, const Window& region, Image& image) {
  jpeg_decompress_struct& info = decompressor.info();
  RowReader rows(decompressor, region.x, region.x + region.width, image);
  rows.skip_until(region.y);
  rows.read_until(region.y + region.height);
  if (jpeg_has_multiple_scans(&info)) return;  // all has been read before the first row
  // Rows skipped to the very end are not read, so the last row is decoded, wanted or not.
  if (info.output_scanline < info.output_height) rows.skip_until(image.height - 1);
  rows.read_until(image.height);
  decompressor.run([&] { jpeg_finish_decompress(&info); });
}

/// The part of the image to read for the pixels wanted of it to be right.
Window part_to_read(jpeg_decompress_struct& info, const Window& wanted) {
  const Extent extent = output_extent(info);
  if (info.scale_num != info.scale_denom) return whole_of(extent);
  // Where a progressive JPEG's last scans are missing, libjpeg smooths blocks over their
  // neighbours, which at the border of what it decodes it does not see.
  if (jpeg_has_multiple_scans(&info)) return {wanted.y, 0, wanted.height, extent.width};
  return wanted;
}

}  // namespace

void decode_jpeg(std::span<const std::uint8_t> bytes, std::size_t max_pixels,
                 const RegionChoice& choose, Image& image) {
  JpegDecompressor decompressor;
  jpeg_decompress_struct& info = decompressor.info();
  read_header(decompressor, bytes);
  const int orientation = orientation_of(info);
  choose_scale(decompressor, max_pixels);
  info.out_color_space = info.num_components == 4 ? JCS_CMYK : JCS_RGB;
  decompressor.run([&] { jpeg_start_decompress(&info); });
  const Extent extent = output_extent(info);
  const Extent shown = shows_sideways(orientation) ? Extent{extent.width, extent.height} : extent;
  const Window wanted = choose(shown);
  if (!fits(wanted, shown)) throw std::invalid_argument("decoding: the region leaves the image");
  image.resize(extent.height, extent.width, 3);
  read_pixels(decompressor, orientation == 1 ? part_to_read(info, wanted) : whole_of(extent),
              image);
  apply_orientation(orientation, image);
}

}  // namespace resnext::data
