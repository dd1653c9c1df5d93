#pragma once

namespace at {
class Tensor;
}

namespace chitu::models {

/// Steers a prediction towards the prompt: uncond + guidance_scale * (cond - uncond).
///
/// cond, uncond    [B, C, F, H, W], same dtype and device; velocity, latent units per unit of sigma
/// guidance_scale  no unit, 1 or more; 1 returns cond, and the caller may skip the uncond pass
/// returns         [B, C, F, H, W], dtype and device of cond
/// throws          ShapeError when cond and uncond differ in shape
/// source          Ho & Salimans 2022, arXiv:2207.12598; in this form Saharia et al. 2022 (Imagen),
///                 arXiv:2205.11487, section 2.2
at::Tensor classifier_free_guidance(const at::Tensor& cond, const at::Tensor& uncond,
                                    double guidance_scale);

}  // namespace chitu::models
