#include "worker/input_defaults.h"

#include <fmt/format.h>

#include "cli/program.h"

namespace resnext::worker {
int default_image_size(const net::Spec& spec, const data::DatasetInfo& info) {
  const bool keeps_size =
      spec.stem == net::Stem::kCifar && info.encoding == data::Encoding::kRaw && info.height > 0;
  if (!keeps_size) return net::usual_input_side(spec);
  if (info.height != info.width) {
    throw cli::UsageError(
        fmt::format("{} holds images of {}x{}; give the network's (square) "
                    "input with --image-size",
                    info.name, info.height, info.width));
  }
  return info.height;
}

data::ChannelStatistics default_normalisation(const net::Spec& spec,
                                              const data::DatasetInfo& info) {
  if (info.channels == 1) return {{0.449F}, {0.226F}};
  if (spec.stem == net::Stem::kCifar && info.encoding == data::Encoding::kRaw) {
    // datasets/cifar10.lua, of 255.
    return {{125.3F / 255, 123.0F / 255, 113.9F / 255}, {63.0F / 255, 62.1F / 255, 66.7F / 255}};
  }
  return {{0.485F, 0.456F, 0.406F}, {0.229F, 0.224F, 0.225F}};
}

}  // namespace resnext::worker
