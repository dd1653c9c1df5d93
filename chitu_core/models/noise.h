#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace chitu::models {

/// The initial noise of a seed: one draw of the whole shape in float32 from a CPU generator, so
/// that a seed means the same on every device and in diffusers.
///
/// shape    Wan [1, C, F, H, W] of the latents
/// returns  float32 on the CPU
at::Tensor initial_noise(at::IntArrayRef shape, std::uint64_t seed);

}  // namespace chitu::models
