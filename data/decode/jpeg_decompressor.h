#pragma once
// libjpeg's decompressor as an object, its errors as exceptions.

#include <csetjmp>
#include <cstdio>
#include <stdexcept>
#include <string>

#include <jpeglib.h>

namespace resnext::data {

/// Owns the decompressor. Each run() is a region that libjpeg may jump out of.
class JpegDecompressor {
 public:
  JpegDecompressor();
  JpegDecompressor(const JpegDecompressor&) = delete;
  JpegDecompressor& operator=(const JpegDecompressor&) = delete;
  ~JpegDecompressor();

  /// Runs calls into libjpeg; what it reports becomes a std::runtime_error. Data that ends too
  /// early is an error, too; other warnings are for oddities that every decoder puts up with.
  /// `calls` is jumped over without cleaning up, so it must not own anything.
  template <typename Calls>
  void run(const Calls& calls) {
    if (setjmp(errors_.jump) != 0)
      throw std::runtime_error(std::string("JPEG: ") + errors_.message);
    calls();
  }

  jpeg_decompress_struct& info() { return info_; }

 private:
  /// libjpeg reports errors by a callback that must not return.
  struct ErrorManager {
    jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is one to the whole
    std::jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
  };

  static void jump_out(j_common_ptr info);
  static void fail_on_premature_end(j_common_ptr info, int level);

  jpeg_decompress_struct info_{};
  ErrorManager errors_{};
};

}  // namespace resnext::data
