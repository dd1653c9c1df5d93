#include "pipelines/stages/draw_noise.h"

#include <ATen/ATen.h>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/models/noise.h"

namespace chitu::pipelines {

at::Tensor draw_noise(const std::vector<std::int64_t>& sizes, std::uint64_t seed) {
  if (device::in_dry_run()) return at::empty(sizes, at::TensorOptions().device(device::host()));
  return models::initial_noise(sizes, seed);
}

}  // namespace chitu::pipelines
