#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace chitu::pipelines {

/// Noise in float32 on the host, drawn there so that a seed means the same on every device. A dry
/// run gets the size alone.
at::Tensor draw_noise(const std::vector<std::int64_t>& sizes, std::uint64_t seed);

}  // namespace chitu::pipelines
