#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

namespace chitu::parallel {

/// A ring and gathered keys take a few heads at a time, so that what they allocate beside q, k and
/// v is no larger than the result, which takes the place of q.

/// What exchanging all heads at once would allocate, in tensors as large as the rank's k.
struct ExchangeBuffers {
  std::int64_t tensors;
  std::int64_t rows;  ///< of k and v in the largest exchanged block
};

/// Heads to take at a time: as many as keep the buffers within one tensor, but at least one, and as
/// many as make a block of keys and values of 1 MiB, below which latency would count.
///
/// k  [B, heads, rows of this rank, d]; only its sizes and dtype are read
std::int64_t heads_at_once(const at::Tensor& k, const ExchangeBuffers& buffers);

/// Calls `attend` for `count` heads after the other, and puts what it returns in the place of q.
///
/// q, k, v  [B, heads, rows, d]
/// attend   takes and returns these tensors for some of the heads
void attend_by_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     std::int64_t count,
                     const std::function<at::Tensor(const at::Tensor&, const at::Tensor&,
                                                    const at::Tensor&)>& attend);

}  // namespace chitu::parallel
