#include "data/decode/jpeg_decompressor.h"

// After jpeglib.h, which says what its macros are for.
#include <jerror.h>

namespace resnext::data {

JpegDecompressor::JpegDecompressor() {
  info_.err = jpeg_std_error(&errors_.base);
  errors_.base.error_exit = jump_out;
  errors_.base.emit_message = fail_on_premature_end;
  run([this] { jpeg_create_decompress(&info_); });
}

JpegDecompressor::~JpegDecompressor() {
  jpeg_destroy_decompress(&info_);
}

void JpegDecompressor::jump_out(j_common_ptr info) {
  auto* manager = reinterpret_cast<ErrorManager*>(info->err);
  info->err->format_message(info, manager->message);
  std::longjmp(manager->jump, 1);
}

/// libjpeg would fill the rest with grey.
void JpegDecompressor::fail_on_premature_end(j_common_ptr info, int level) {
  if (level >= 0) return;
  const int code = info->err->msg_code;
  if (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER) jump_out(info);
}

}  // namespace resnext::data
