#include "chitu_core/memory/shared_weights.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

namespace chitu::memory {
namespace {

std::int64_t bytes_of(std::span<const WeightRows> rows) {
  return std::accumulate(rows.begin(), rows.end(), std::int64_t{0},
                         [](std::int64_t sum, const WeightRows& run) { return sum + run.bytes(); });
}

/// Of so many bytes of a run, those of the nearest whole number of rows.
std::int64_t nearest_cut(const WeightRows& run, const WeightSource& source, std::int64_t bytes) {
  const std::int64_t unit =
      source.reads_parts(run.name, run.parameter) ? run.bytes() / run.rows : run.bytes();
  return (bytes + unit / 2) / unit * unit;
}

/// What of the rows lies between two cuts.
std::vector<WeightRows> rows_between(std::span<const WeightRows> rows, std::int64_t begin,
                                     std::int64_t end) {
  std::vector<WeightRows> between;
  for (const WeightRows& run : rows) {
    if (run.rows == 0 || run.bytes() == 0) continue;
    const std::int64_t row_bytes = run.bytes() / run.rows;
    const std::int64_t from = std::max(begin, run.offset_bytes);
    const std::int64_t to = std::min(end, run.end_bytes());
    if (from < to)
      between.push_back(run.part((from - run.offset_bytes) / row_bytes, (to - from) / row_bytes));
  }
  return between;
}

}  // namespace

std::vector<std::int64_t> reading_cuts(std::span<const WeightRows> rows, const WeightSource& source,
                                       int size) {
  const std::int64_t total = bytes_of(rows);
  std::vector<std::int64_t> cuts{rows.empty() ? 0 : rows.front().offset_bytes};
  std::int64_t before = 0;  // bytes of the runs before this one
  for (const WeightRows& run : rows) {
    const std::int64_t bytes = run.bytes();
    for (auto next = std::ssize(cuts); bytes > 0 && next < size; next = std::ssize(cuts)) {
      const std::int64_t wanted = total * next / size - before;
      if (wanted >= bytes) break;
      cuts.push_back(run.offset_bytes + nearest_cut(run, source, wanted));
    }
    before += bytes;
  }
  cuts.resize(static_cast<std::size_t>(size), rows.empty() ? 0 : rows.back().end_bytes());
  cuts.push_back(rows.empty() ? 0 : rows.back().end_bytes());
  return cuts;
}

void SharedWeights::fill(std::span<const WeightRows> rows, const at::Tensor& buffer) const {
  if (bytes_of(rows) == 0) return;
  const auto cuts = reading_cuts(rows, source(), readers_->size());
  const auto rank = static_cast<std::size_t>(readers_->rank());
  source().fill(rows_between(rows, cuts[rank], cuts[rank + 1]), buffer);
  readers_->complete(buffer, cuts);
}

void SharedWeights::read_into(const std::string& name, const Parameter& parameter,
                              at::Tensor& to) const {
  const WeightRows rows[] = {{name, parameter, 0, parameter.rows()}};
  fill(rows, to.view({-1}).view(at::kByte));
}

void SharedWeights::read_rows(const std::string& name, const Parameter& parameter,
                              std::int64_t first_row, at::Tensor& to) const {
  const WeightRows rows[] = {{name, parameter, first_row, to.size(0)}};
  fill(rows, to.view({-1}).view(at::kByte));
}

}  // namespace chitu::memory
