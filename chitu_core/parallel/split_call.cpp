#include "chitu_core/parallel/split_call.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "chitu_core/common/error.h"
#include "chitu_core/parallel/communicator.h"

namespace chitu::parallel {

bool is_split(const AttentionSplit& split) { return split.ranks && split.ranks->size() > 1; }

bool is_split(const AttentionOptions& options) { return !options.split.keys.empty(); }

AttentionOptions whole_call(const AttentionOptions& options) {
  AttentionOptions whole = options;
  whole.split = {};
  return whole;
}

void check_split_call(const at::Tensor& q, const at::Tensor& k, const AttentionOptions& options,
                      const Communicator& ranks) {
  if (options.bias.defined()) throw Error("attention with a bias cannot be split between ranks");
  const auto fits = [&](const std::vector<std::int64_t>& rows, const at::Tensor& x) {
    return std::ssize(rows) == ranks.size() &&
           rows[static_cast<std::size_t>(ranks.rank())] == x.size(2);
  };
  if (!fits(options.split.queries, q) || !fits(options.split.keys, k))
    throw ShapeError(fmt::format(
        "rank {} of {} has {} rows of queries and {} of keys, the call says [{}] and [{}]",
        ranks.rank(), ranks.size(), q.size(2), k.size(2), fmt::join(options.split.queries, ", "),
        fmt::join(options.split.keys, ", ")));
}

}  // namespace chitu::parallel
