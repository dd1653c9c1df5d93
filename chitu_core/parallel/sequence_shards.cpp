#include "chitu_core/parallel/sequence_shards.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/even_parts.h"

namespace chitu::parallel {

SequenceShards::SequenceShards(Communicator* ranks, std::int64_t length)
    : ranks_(ranks && ranks->size() > 1 ? ranks : nullptr), length_(length) {}

int SequenceShards::ranks() const { return ranks_ ? ranks_->size() : 1; }

Shard SequenceShards::of(int rank) const {
  if (!ranks_) return {0, length_};
  return {part_start(length_, ranks_->size(), rank), part_count(length_, ranks_->size(), rank)};
}

Shard SequenceShards::mine() const { return of(ranks_ ? ranks_->rank() : 0); }

std::vector<std::int64_t> SequenceShards::lengths() const {
  if (!ranks_) return {};
  return part_counts(length_, ranks_->size());
}

at::Tensor SequenceShards::shard(const at::Tensor& x, std::int64_t dim) const {
  if (!ranks_) return x;
  return x.narrow(dim, mine().start, mine().count);
}

at::Tensor SequenceShards::gather(const at::Tensor& mine, std::int64_t dim) const {
  if (!ranks_) return mine;
  const at::Tensor rows = mine.movedim(dim, 0).contiguous();
  std::vector<std::int64_t> sizes = rows.sizes().vec();
  sizes[0] = length_;
  const at::Tensor all = at::empty(sizes, rows.options());
  ranks_->all_gather(rows, all.split_with_sizes(lengths(), 0));
  return all.movedim(0, dim);
}

Shard part_in_shard(const Shard& run, const Shard& shard) {
  const std::int64_t start = std::max(run.start, shard.start);
  const std::int64_t end = std::min(run.start + run.count, shard.start + shard.count);
  if (start >= end) return {0, 0};
  return {start - shard.start, end - start};
}

}  // namespace chitu::parallel
