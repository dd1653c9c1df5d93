#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace chitu::nn {

/// Convolutions over three frames by the minimal filtering algorithm F(2, 3) along time: two output
/// frames need four convolutions over pictures instead of six. The four work on sums of frames and
/// sums of taps; the result differs from the direct one only by rounding.
///
/// source  Lavin, Gray 2016, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308,
///         section 4.1

/// A convolution over pictures: x [N, H, W, in], weight [out, in, k, k], bias [out] or undefined,
/// padding of height and width.
using PictureConv = at::Tensor (*)(const at::Tensor& x, const at::Tensor& weight,
                                   const at::Tensor& bias, at::IntArrayRef padding);

/// Whether a chunk is large enough to gain from it. Depends only on shapes, so that results do not
/// depend on the machine.
///
/// frames  [B, F, H, W, in] of the new frames; F must be even
/// weight  [out, in, 3, k, k]
bool temporal_pairs_pay(at::IntArrayRef frames, at::IntArrayRef weight);

/// all     [B, 2 + F, H, W, in], F even, float32 or bfloat16, in host memory; freed early
/// weight  [out, in, 3, k, k], channels last; bias [out]
/// returns [B, F, H, W, out]
at::Tensor temporal_pairs(at::Tensor all, const at::Tensor& weight, const at::Tensor& bias,
                          PictureConv conv);

}  // namespace chitu::nn
