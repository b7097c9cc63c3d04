#pragma once
// What a network's input is where nothing says it: the size of images and how their channels are
// normalised.

#include "data/augment/normalise.h"
#include "data/image_source.h"
#include "net/spec.h"

namespace resnext::worker {

/// Pixels a side. Raw images keep their size in a CIFAR net; all else is brought to the stem's
/// usual size: 224, or 32. Throws cli::UsageError for raw images that are not square.
int default_image_size(const net::Spec& spec, const data::DatasetInfo& info);

/// ImageNet's and CIFAR-10's (for raw colour images in a CIFAR net) as the published code has them,
/// and ImageNet's grey level.
data::ChannelStatistics default_normalisation(const net::Spec& spec, const data::DatasetInfo& info);

}  // namespace resnext::worker
