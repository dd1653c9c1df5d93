#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace chitu::models {

/// Positions that the rotary embedding of Qwen-Image has in each direction.
constexpr std::int64_t kQwenImagePositions = 4096;

/// The first position of the prompt: on the diagonal behind the picture.
constexpr std::int64_t qwen_image_text_position(std::int64_t rows, std::int64_t columns) {
  return rows > columns ? rows / 2 : columns / 2;
}

/// Rotary position embedding of Qwen-Image. The channels of a head are split between frame, row and
/// column; every adjacent pair is rotated by position * 10000^(-2j / part). Rows and columns of a
/// picture count from its centre; the tokens of the prompt follow on the diagonal. Computed in
/// float32, as in the reference. Source: diffusers, QwenEmbedRope.
class QwenEmbedRope {
 public:
  explicit QwenEmbedRope(const std::array<std::int64_t, 3>& axes) : axes_(axes) {}

  /// [rows * columns, head_dim / 2] complex64 on the device, row by row.
  at::Tensor picture(std::int64_t rows, std::int64_t columns, c10::Device device) const;
  /// [tokens, head_dim / 2] complex64 on the device, for a prompt beside such a picture.
  at::Tensor text(std::int64_t rows, std::int64_t columns, std::int64_t tokens,
                  c10::Device device) const;

 private:
  std::array<std::int64_t, 3> axes_;
};

}  // namespace chitu::models
