#pragma once
// A table with all that one can have, for tests to change.

#include <string>

namespace resnext::ablations {

inline const std::string kSmallTable = R"toml(title = "Small"
paper = "Table 0"
paper_scale = "ImageNet"
baseline = "one"

[[columns]]
name = "top1"
title = "top-1 error (%)"
metric = "validation_top1_error"

[[columns]]
name = "large"
title = "top-1 error, larger crop (%)"
metric = "validation_top1_error"
evaluate = { proxy = { test-crop = 40 } }

[[rows]]
name = "one"
model = { paper = "resnet50", proxy = "resnet11_cifar_w16" }
paper = { top1 = 23.9 }

[[rows]]
name = "two"
model = { paper = "resnext50_2x40d", proxy = "resnext11_2x10d_cifar_w16" }
options = { learning-rate = 0.1, nesterov = false }
paper = { top1 = 23.0 }

[[rows]]
name = "paper-only"
model = { paper = "resnext50_8x14d" }

[[claims]]
text = "Two is better"
better = "two"
worse = "one"

[scales.paper]
title = "as the paper"
data = "set"
recipe = "preset"

[scales.proxy]
title = "small"
data = "set"
seeds = 2
options = { epochs = 3 }
holds = "p < 0.05"
)toml";

}  // namespace resnext::ablations
