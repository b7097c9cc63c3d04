#pragma once
// Writes a YCCK JPEG, which PIL reads but cannot write.

#include <cstdio>
#include <string>
#include <vector>

#include <jpeglib.h>

namespace resnext::data {

inline void write_ycck_jpeg(const std::string& path, unsigned width, unsigned height) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  FILE* file = fopen(path.c_str(), "wb");
  jpeg_stdio_dest(&info, file);
  info.image_width = width;
  info.image_height = height;
  info.input_components = 4;
  info.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, JCS_YCCK);
  jpeg_start_compress(&info, TRUE);
  std::vector<unsigned char> row(std::size_t(width) * 4);
  for (unsigned y = 0; y < height; ++y) {
    for (unsigned x = 0; x < width; ++x) {
      row[x * 4] = static_cast<unsigned char>(x * 6);
      row[x * 4 + 1] = static_cast<unsigned char>(y * 8);
      row[x * 4 + 2] = static_cast<unsigned char>(x * 3 + y * 4);
      row[x * 4 + 3] = static_cast<unsigned char>(255 - x - y);
    }
    unsigned char* rows[] = {row.data()};
    jpeg_write_scanlines(&info, rows, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  fclose(file);
}

}  // namespace resnext::data
