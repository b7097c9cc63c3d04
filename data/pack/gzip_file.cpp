#include "data/pack/gzip_file.h"

#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>

#include <fmt/format.h>
#include <zlib.h>

namespace resnext::data {

std::vector<std::uint8_t> read_maybe_gzipped(const std::string& path) {
  const std::unique_ptr<gzFile_s, int (*)(gzFile)> file(gzopen(path.c_str(), "rb"), gzclose);
  if (!file) throw std::runtime_error(fmt::format("{}: {}", path, std::strerror(errno)));
  constexpr std::size_t kBlock = std::size_t(1) << 20;
  std::vector<std::uint8_t> bytes;
  for (int count = 1; count > 0;) {
    const std::size_t before = bytes.size();
    bytes.resize(before + kBlock);
    count = gzread(file.get(), bytes.data() + before, kBlock);
    bytes.resize(before + static_cast<std::size_t>(count > 0 ? count : 0));
  }
  int code = Z_OK;
  const char* reason = gzerror(file.get(), &code);
  if (code != Z_OK && code != Z_STREAM_END)
    throw std::runtime_error(
        fmt::format("{}: {}", path, code == Z_ERRNO ? std::strerror(errno) : reason));
  return bytes;
}

}  // namespace resnext::data
