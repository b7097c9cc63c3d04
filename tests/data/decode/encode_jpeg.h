#pragma once
// JPEGs of every layout, which PIL cannot all write.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include <jpeglib.h>

#include "data/decode/window.h"

namespace resnext::data {

enum class JpegColours { kGrey, kYcc, kRgb, kCmyk, kYcck };

struct JpegLayout {
  std::string name;
  JpegColours colours = JpegColours::kYcc;
  int across = 1, down = 1;  ///< luma samples for each of chroma
  bool progressive = false;
  unsigned restart_interval = 0;  ///< in MCUs; 0: none
};

inline void set_layout(const JpegLayout& layout, jpeg_compress_struct& info) {
  const bool four = layout.colours == JpegColours::kCmyk || layout.colours == JpegColours::kYcck;
  info.input_components = layout.colours == JpegColours::kGrey ? 1 : four ? 4 : 3;
  info.in_color_space = layout.colours == JpegColours::kGrey ? JCS_GRAYSCALE
                        : four                               ? JCS_CMYK
                                                             : JCS_RGB;
  jpeg_set_defaults(&info);
  if (layout.colours == JpegColours::kRgb) jpeg_set_colorspace(&info, JCS_RGB);
  if (layout.colours == JpegColours::kYcck) jpeg_set_colorspace(&info, JCS_YCCK);
  jpeg_set_quality(&info, 90, TRUE);
  for (int c = 0; c < info.num_components; ++c) {
    const bool full = c == 0 || c == 3;  // luma, and black
    info.comp_info[c].h_samp_factor = full ? layout.across : 1;
    info.comp_info[c].v_samp_factor = full ? layout.down : 1;
  }
  info.restart_interval = layout.restart_interval;
  if (layout.progressive) jpeg_simple_progression(&info);
}

/// A slope with noise on it, the same for the same size.
inline std::vector<std::uint8_t> encode_noisy_jpeg(const JpegLayout& layout, const Extent& extent) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* encoded = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &encoded, &size);
  info.image_width = static_cast<JDIMENSION>(extent.width);
  info.image_height = static_cast<JDIMENSION>(extent.height);
  set_layout(layout, info);
  jpeg_start_compress(&info, TRUE);
  std::mt19937 random(5);
  std::vector<unsigned char> row(std::size_t(extent.width) * info.input_components);
  for (int y = 0; y < extent.height; ++y) {
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = static_cast<unsigned char>((i + 2 * y) % 160 + random() % 96);
    unsigned char* rows[] = {row.data()};
    jpeg_write_scanlines(&info, rows, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  std::vector<std::uint8_t> bytes(encoded, encoded + size);
  std::free(encoded);
  return bytes;
}

/// The progressive JPEG with but its first `scans` scans, as a download that was cut short and then
/// closed properly.
inline std::vector<std::uint8_t> with_scans(int scans, std::vector<std::uint8_t> jpeg) {
  const std::uint8_t start_of_scan[] = {0xff, 0xda};
  auto at = jpeg.begin();
  for (int i = 0; i <= scans; ++i)
    at = std::search(at + 1, jpeg.end(), std::begin(start_of_scan), std::end(start_of_scan));
  // The tables of the scan that follows may stay.
  jpeg.erase(at, jpeg.end() - 2);
  return jpeg;
}

/// The JPEG with an EXIF segment that says how it is to be turned.
inline std::vector<std::uint8_t> with_orientation(std::uint8_t orientation,
                                                  std::vector<std::uint8_t> jpeg) {
  const std::vector<std::uint8_t> segment = {
      0xff, 0xe1, 0,    34, 'E', 'x', 'i', 'f', 0, 0, 'I',         'I', '*', 0, 8, 0, 0, 0,
      1,    0,    0x12, 1,  3,   0,   1,   0,   0, 0, orientation, 0,   0,   0, 0, 0, 0, 0};
  jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
  return jpeg;
}

}  // namespace resnext::data
