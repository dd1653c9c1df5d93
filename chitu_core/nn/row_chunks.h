#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

#include "chitu_core/device/planned_repeats.h"

namespace chitu::nn {

/// Elements that an operation on rows takes at once: 64 MiB as float32. What is computed row by row
/// has the same bits however many go together, and then needs copies in float32 of few of them
/// only.
constexpr std::int64_t kRowChunkElements = 1 << 24;

/// Calls work(start, count) for runs of x's rows along dimension 1, x being [B, L, ...].
template <class Work>
void for_row_chunks(const at::Tensor& x, const Work& work) {
  const std::int64_t rows = x.size(1);
  const std::int64_t row = std::max<std::int64_t>(1, x.numel() / std::max<std::int64_t>(1, rows));
  const std::int64_t most = std::max<std::int64_t>(1, kRowChunkElements / row);
  device::for_runs(rows, most, work);
}

/// Whether all rows go at once.
inline bool is_one_row_chunk(const at::Tensor& x) { return x.numel() <= kRowChunkElements; }

}  // namespace chitu::nn
