#pragma once
// What the published Torch code makes of an image, by the re-statement in torch_transforms.py.

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "data/augment/normalise.h"
#include "data/decode/decode.h"
#include "data/decode/image.h"
#include "tests/data/python.h"

namespace resnext::data {

inline const ChannelStatistics kImageNetStatistics{{0.485F, 0.456F, 0.406F},
                                                   {0.229F, 0.224F, 0.225F}};

/// ColorNormalize by these statistics, as a step.
inline std::string torch_normalise(const ChannelStatistics& statistics) {
  std::string step = "normalise";
  for (const auto& values : {statistics.mean, statistics.deviation})
    for (const float value : values) step += fmt::format(" {}", value);
  return step;
}

/// All bytes of a file.
inline std::vector<std::uint8_t> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::string torch_transforms_script() {
  const auto script = bytes_of(RESNEXT_SOURCE_DIR "/tests/data/torch_transforms.py");
  return {script.begin(), script.end()};
}

/// A picture in a file (JPEG or PNG by its name) and decoded.
struct Photo {
  Photo(const std::string& name, int height, int width)
      : path(fmt::format("{}/{}-{}", testing::TempDir(),
                         testing::UnitTest::GetInstance()->current_test_info()->name(), name)) {
    run_python(torch_transforms_script(), fmt::format("photo {} {} {}", path, height, width));
    decode_image(bytes_of(path), image);
  }

  std::string path;
  Image image;
};

/// What each chain (steps of torch_transforms.py) makes of the photo, one after the other.
inline std::vector<double> torch_output(const Photo& photo,
                                        const std::vector<std::string>& chains) {
  std::ofstream lines(photo.path + ".chains");
  for (const std::string& chain : chains) lines << chain << "\n";
  lines.close();
  run_python(torch_transforms_script(), fmt::format("apply {0} {0}.chains {0}.output", photo.path));
  const auto bytes = bytes_of(photo.path + ".output");
  std::vector<double> values(bytes.size() / sizeof(double));
  std::copy_n(bytes.begin(), values.size() * sizeof(double),
              reinterpret_cast<std::uint8_t*>(values.data()));
  return values;
}

/// Largest difference; infinite for outputs of different length.
inline double largest_difference(const std::vector<float>& ours,
                                 const std::vector<double>& theirs) {
  if (ours.size() != theirs.size()) return HUGE_VAL;
  double worst = 0;
  for (std::size_t i = 0; i < ours.size(); ++i)
    worst = std::max(worst, std::abs(ours[i] - theirs[i]));
  return worst;
}

}  // namespace resnext::data
