#include "chitu_core/models/guidance.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "chitu_core/common/error.h"

namespace chitu::models {

at::Tensor classifier_free_guidance(const at::Tensor& cond, const at::Tensor& uncond,
                                    double guidance_scale) {
  if (cond.sizes() != uncond.sizes())
    throw ShapeError(fmt::format("guidance: cond is {} but uncond is {}", cond.sizes().vec(),
                                 uncond.sizes().vec()));
  // Each operation rounds to the tensors' dtype, as the reference's does.
  return uncond + guidance_scale * (cond - uncond);
}

}  // namespace chitu::models
