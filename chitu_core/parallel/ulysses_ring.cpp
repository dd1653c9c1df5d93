#include "chitu_core/parallel/ulysses_ring.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <numeric>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/split_call.h"
#include "chitu_core/parallel/sub_communicator.h"

namespace chitu::parallel {
namespace {

void check_degree(int up, int ranks, const char* scheme, int only) {
  if (up == 0 || up == only) return;
  throw InputError(fmt::format(
      "infer.diffusion.up={}: expected {} or null with infer.diffusion.cp_backend={} and {} ranks",
      up, only, scheme, ranks));
}

/// All heads on each rank in turn; heads that do not divide are divided unevenly.
class Ulysses final : public AttentionScheme {
 public:
  std::shared_ptr<const AttentionHook> make(const AttentionSplit& split) const override {
    if (!is_split(split)) return nullptr;
    check_degree(split.up, split.ranks->size(), "ulysses", split.ranks->size());
    return std::make_shared<UlyssesRing>(split.ranks, split.ranks->size());
  }
};
CHITU_REGISTER(AttentionScheme, Ulysses, "ulysses");

class Ring final : public AttentionScheme {
 public:
  std::shared_ptr<const AttentionHook> make(const AttentionSplit& split) const override {
    if (!is_split(split)) return nullptr;
    check_degree(split.up, split.ranks->size(), "ring", 1);
    return std::make_shared<UlyssesRing>(split.ranks, 1);
  }
};
CHITU_REGISTER(AttentionScheme, Ring, "ring");

/// Both together. Unless the degree is given, Ulysses as far as it divides the heads evenly, which
/// sends least, and a ring over the rest.
class Auto final : public AttentionScheme {
 public:
  std::shared_ptr<const AttentionHook> make(const AttentionSplit& split) const override {
    if (!is_split(split)) return nullptr;
    const int ranks = split.ranks->size();
    const int up = split.up > 0 ? split.up : largest_ulysses_degree(ranks, split.heads);
    if (ranks % up != 0)
      throw InputError(fmt::format(
          "infer.diffusion.up={}: expected a divisor of infer.diffusion.cp_size={}", up, ranks));
    return std::make_shared<UlyssesRing>(split.ranks, up);
  }
};
CHITU_REGISTER(AttentionScheme, Auto, "auto");

}  // namespace

int largest_ulysses_degree(int ranks, std::int64_t heads) {
  int degree = ranks;
  while (ranks % degree != 0 || heads % degree != 0) --degree;
  return degree;
}

UlyssesRing::UlyssesRing(std::shared_ptr<Communicator> ranks, int up)
    : ranks_(std::move(ranks)),
      up_(up),
      heads_(row_and_column(ranks_, up).row),
      ring_(row_and_column(ranks_, up).column) {}

std::vector<std::int64_t> UlyssesRing::in_my_row(const std::vector<std::int64_t>& rows) const {
  const auto first = rows.begin() + ranks_->rank() / up_ * up_;
  return {first, first + up_};
}

std::vector<std::int64_t> UlyssesRing::of_each_row(const std::vector<std::int64_t>& rows) const {
  std::vector<std::int64_t> sums;
  for (auto first = rows.begin(); first != rows.end(); first += up_)
    sums.push_back(std::accumulate(first, first + up_, std::int64_t{0}));
  return sums;
}

at::Tensor UlyssesRing::consume(at::Tensor q, at::Tensor k, at::Tensor v,
                                const AttentionOptions& options,
                                const LocalAttention& local) const {
  if (!is_split(options)) return local.run(q, k, v, options);
  check_split_call(q, k, options, *ranks_);
  const auto queries = in_my_row(options.split.queries), keys = in_my_row(options.split.keys);
  const std::int64_t heads = q.size(1);
  q = heads_.to_heads(std::move(q), queries);
  k = heads_.to_heads(std::move(k), keys);
  v = heads_.to_heads(std::move(v), keys);
  const at::Tensor out = attend(std::move(q), std::move(k), std::move(v), options.split.keys,
                                whole_call(options), local);
  return heads_.to_rows(out, queries, heads);
}

at::Tensor UlyssesRing::attend(at::Tensor q, at::Tensor k, at::Tensor v,
                               const std::vector<std::int64_t>& keys,
                               const AttentionOptions& options, const LocalAttention& local) const {
  if (q.size(1) == 0) return at::empty_like(q);
  if (ring_.size() > 1) {
    ring_.attend_(q, k, v, of_each_row(keys), options, local);
    return q;
  }
  return q.numel() > 0 ? local.run(q, k, v, options) : at::empty_like(q);
}

}  // namespace chitu::parallel
