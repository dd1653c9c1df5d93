#include "chitu_core/parallel/head_exchange.h"

#include <ATen/ATen.h>

#include <numeric>

#include "chitu_core/parallel/attention_rows.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/even_parts.h"

namespace chitu::parallel {
namespace {

std::vector<at::Tensor> contiguous(std::vector<at::Tensor> pieces) {
  for (at::Tensor& piece : pieces) piece = piece.contiguous();
  return pieces;
}

}  // namespace

at::Tensor HeadExchange::to_heads(at::Tensor x, const std::vector<std::int64_t>& rows) const {
  if (ranks_->size() == 1) return x;
  const std::vector<std::int64_t> heads = part_counts(x.size(1), ranks_->size());
  const std::int64_t all_rows = std::accumulate(rows.begin(), rows.end(), std::int64_t{0});
  const std::vector<std::int64_t> sizes{all_rows, x.size(0),
                                        heads[static_cast<std::size_t>(ranks_->rank())], x.size(3)};
  const auto sent = contiguous(as_rows(x).split_with_sizes(heads, 2));
  x.reset();
  const at::Tensor received = at::empty(sizes, sent.front().options());
  ranks_->all_to_all(sent, received.split_with_sizes(rows, 0));
  return from_rows(received);
}

at::Tensor HeadExchange::to_rows(const at::Tensor& x, const std::vector<std::int64_t>& rows,
                                 std::int64_t heads) const {
  if (ranks_->size() == 1) return x;
  const auto sent = contiguous(as_rows(x).split_with_sizes(rows, 0));
  std::vector<at::Tensor> received;
  for (const std::int64_t count : part_counts(heads, ranks_->size()))
    received.push_back(
        at::empty({rows[static_cast<std::size_t>(ranks_->rank())], x.size(0), count, x.size(3)},
                  x.options()));
  ranks_->all_to_all(sent, received);
  return from_rows(at::cat(received, 2));
}

}  // namespace chitu::parallel
