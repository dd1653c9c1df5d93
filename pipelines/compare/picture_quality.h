#pragma once

#include <ATen/core/Tensor.h>

namespace chitu::pipelines {

/// Peak signal-to-noise ratio in dB: 10 log10(255^2 / mean squared error), over all pixels and
/// channels. Infinite when both are equal.
///
/// a, b    uint8 of the same shape, such as [H, W, 3]
/// throws  ShapeError when the shapes differ
double psnr_db(const at::Tensor& a, const at::Tensor& b);

/// The side of the window of ssim(), in pixels.
inline constexpr int kSsimWindow = 11;

/// Mean structural similarity, from -1 to 1; 1 when both are equal. The mean over the three
/// channels, and over all places where the window lies inside the picture.
///
/// a, b    [H, W, 3] uint8, at least 11x11 pixels
/// throws  ShapeError when the shapes differ or are too small
/// source  Wang, Bovik, Sheikh, Simoncelli 2004, "Image quality assessment", IEEE TIP 13(4), eq.
/// 13:
///         a Gaussian window of 11x11 pixels with sigma 1.5, K1 = 0.01, K2 = 0.03, L = 255
double ssim(const at::Tensor& a, const at::Tensor& b);

}  // namespace chitu::pipelines
