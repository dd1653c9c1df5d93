#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>

namespace chitu::models {

/// Rotary position embedding over frames, rows and columns.
///
/// The channels of a head are split in three: 2 * (d / 6) for rows, as many for columns, the rest
/// for frames, in the order frames, rows, columns. Each part has its own frequencies 10000^(-2j /
/// part), and every adjacent pair of channels is rotated by position * frequency.
/// source  Su et al. 2021 (RoFormer), arXiv:2104.09864; the split is that of Wan 2.1
class WanRotaryPosEmbed {
 public:
  /// head_dim is even; max_positions bounds each axis.
  WanRotaryPosEmbed(std::int64_t head_dim, std::int64_t max_positions);

  /// The rotation of every token as a unit complex number, tokens in the order frame, row, column.
  /// Computed in float64 and rounded once.
  ///
  /// grid     tokens per axis: frames, rows, columns
  /// returns  [tokens, head_dim / 2] complex64 on the device
  /// throws   InputError when an axis is longer than max_positions
  at::Tensor table(const std::array<std::int64_t, 3>& grid, c10::Device device) const;

  /// Channels of a head that encode frame, row and column.
  const std::array<std::int64_t, 3>& parts() const { return parts_; }

 private:
  std::array<std::int64_t, 3> parts_;
  std::int64_t max_positions_;
};

/// Rotates adjacent channel pairs by the table, in place, in float32.
///
/// x      [B, L, heads, head_dim], contiguous
/// table  [L, head_dim / 2] complex64
void apply_rotary_(at::Tensor& x, const at::Tensor& table);

}  // namespace chitu::models
