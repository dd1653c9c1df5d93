#include "chitu_core/parallel/head_groups.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace chitu::parallel {
namespace {

constexpr std::int64_t kLeastBlockBytes = 1 << 20;

}  // namespace

std::int64_t heads_at_once(const at::Tensor& k, const ExchangeBuffers& buffers) {
  const std::int64_t heads = k.size(1);
  const auto head_bytes = 2 * k.size(0) * buffers.rows * k.size(3) * k.element_size();
  if (head_bytes == 0) return heads;
  const std::int64_t within_one = heads / buffers.tensors;
  const std::int64_t worth_sending = (kLeastBlockBytes + head_bytes - 1) / head_bytes;
  return std::min(heads, std::max({std::int64_t{1}, within_one, worth_sending}));
}

void attend_by_heads(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     std::int64_t count,
                     const std::function<at::Tensor(const at::Tensor&, const at::Tensor&,
                                                    const at::Tensor&)>& attend) {
  for (std::int64_t first = 0; first < q.size(1); first += count) {
    const std::int64_t heads = std::min(count, q.size(1) - first);
    at::Tensor queries = q.narrow(1, first, heads);
    queries.copy_(attend(queries, k.narrow(1, first, heads), v.narrow(1, first, heads)));
  }
}

}  // namespace chitu::parallel
