#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>

#include "chitu_core/device/dry_run_repeats.h"

namespace chitu::nn {

/// Most elements of an operation that works row by row: 64 MiB as float32. Chunks give the same
/// bits and limit the size of float32 copies.
constexpr std::int64_t kRowChunkElements = 1 << 24;

/// Calls work(start, count) for runs of rows of x [B, L, ...] along dimension 1.
template <class Work>
void for_row_chunks(const at::Tensor& x, const Work& work) {
  const std::int64_t rows = x.size(1);
  const std::int64_t row = std::max<std::int64_t>(1, x.numel() / std::max<std::int64_t>(1, rows));
  const std::int64_t most = std::max<std::int64_t>(1, kRowChunkElements / row);
  device::for_runs(rows, most, work);
}

/// Whether one run covers all rows.
inline bool is_one_row_chunk(const at::Tensor& x) { return x.numel() <= kRowChunkElements; }

}  // namespace chitu::nn
