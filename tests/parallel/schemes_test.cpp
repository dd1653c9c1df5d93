#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/parallel/attention_hook.h"
#include "chitu_core/parallel/even_parts.h"
#include "chitu_core/parallel/head_groups.h"
#include "chitu_core/parallel/sequence_shards.h"
#include "chitu_core/parallel/ulysses_ring.h"
#include "tests/parallel/plain_attention.h"
#include "tests/support/catch.h"
#include "tests/support/thread_ranks.h"

namespace chitu::parallel {
namespace {

using testing::on_ranks;
using testing::ThreadCommunicator;
using Ranks = std::shared_ptr<ThreadCommunicator>;

constexpr std::int64_t kBatch = 2, kWidth = 6, kFloatBytes = 4;

struct Case {
  std::string scheme;
  int ranks, up;
  std::int64_t heads, length;
};

struct Whole {
  explicit Whole(const Case& c) {
    const auto tensor = [&](double step) {
      return at::sin(at::arange(kBatch * c.length * c.heads * kWidth, at::kFloat) * step)
          .mul_(3)
          .view({kBatch, c.length, c.heads, kWidth})
          .transpose(1, 2);
    };
    q = tensor(0.71), k = tensor(0.37), v = tensor(1.3);
  }
  at::Tensor q, k, v;
};

/// Every scheme and mixture of 2, 3, 4, 5 and 7 ranks, with heads and lengths that divide and that
/// do not, down to fewer tokens than ranks.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int ranks : {2, 3, 4, 5, 7})
    for (const std::int64_t heads : {1, 4, 6, 12})
      for (const std::int64_t length : {1, 3, 13, 28, 60}) {
        for (const char* scheme : {"ulysses", "ring", "allgather", "auto"})
          all.push_back({scheme, ranks, 0, heads, length});
        if (ranks == 4) all.push_back({"auto", ranks, 2, heads, length});
      }
  return all;
}

struct Outcome {
  at::Tensor out;                    ///< of all ranks, gathered
  std::vector<at::Tensor> gathered;  ///< by each rank
  std::vector<std::int64_t> bytes;   ///< of attention, sent by each rank
  std::int64_t scores = 0;
};

Outcome attended(const Case& c) {
  const Whole whole(c);
  const PlainAttention local;
  Outcome outcome;
  outcome.gathered.resize(static_cast<std::size_t>(c.ranks));
  outcome.bytes.resize(outcome.gathered.size());
  on_ranks(c.ranks, [&](const Ranks& ranks) {
    const auto hook = attention_hook(c.scheme, {ranks, c.heads, c.up});
    const SequenceShards shards(hook->ranks(), c.length);
    const AttentionOptions options{
        .bias = {}, .scale = 0.5, .split = {shards.lengths(), shards.lengths()}};
    const auto mine = [&](const at::Tensor& x) { return shards.shard(x, 2); };
    const at::Tensor out = hook->run(mine(whole.q), mine(whole.k), mine(whole.v), options, local);
    const auto rank = static_cast<std::size_t>(ranks->rank());
    outcome.bytes[rank] = ranks->bytes_sent();
    outcome.gathered[rank] = shards.gather(out, 2);
  });
  outcome.out = outcome.gathered.front();
  outcome.scores = local.scores;
  return outcome;
}

std::string text(const Case& c) {
  return fmt::format("{} on {} ranks, up {}, {} heads, {} tokens", c.scheme, c.ranks, c.up, c.heads,
                     c.length);
}

TEST_CASE("every scheme attends as one rank does, on every rank, for any length and heads",
          "[parallel]") {
  for (const Case& c : cases()) {
    INFO(text(c));
    const Whole whole(c);
    const AttentionOptions options{.bias = {}, .scale = 0.5};
    const at::Tensor alone = PlainAttention().run(whole.q, whole.k, whole.v, options);
    const Outcome outcome = attended(c);
    REQUIRE(outcome.out.sizes() == alone.sizes());
    CHECK(at::sub(outcome.out, alone).abs().max().item<double>() < 1e-5);
    for (const at::Tensor& gathered : outcome.gathered) CHECK(at::equal(gathered, outcome.out));
    // Every query meets every key once: nothing is padded, and nothing computed twice.
    CHECK(outcome.scores == c.heads * c.length * c.length);
  }
}

TEST_CASE("a scheme gives the same bits again", "[parallel]") {
  for (const char* scheme : {"ulysses", "ring", "allgather", "auto"}) {
    const Case c{scheme, 4, 0, 6, 29};
    INFO(text(c));
    CHECK(at::equal(attended(c).out, attended(c).out));
  }
}

std::int64_t rows_of(const Case& c, int rank) { return part_count(c.length, c.ranks, rank); }

/// Bytes that a rank sends for one call, from the formulas in the schemes' headers.
std::int64_t ulysses_bytes(const Case& c, int first, int size, int rank) {
  std::int64_t elements = 0;
  for (int i = first; i < first + size; ++i) {
    if (i == rank) continue;
    elements += 3 * rows_of(c, rank) * part_count(c.heads, size, i - first) +
                rows_of(c, i) * part_count(c.heads, size, rank - first);
  }
  return elements * kBatch * kWidth * kFloatBytes;
}

std::int64_t hybrid_bytes(const Case& c, int up, int rank) {
  const int row = rank / up, rows = c.ranks / up;
  const auto keys_of = [&](int r) {
    std::int64_t keys = 0;
    for (int i = 0; i < up; ++i) keys += rows_of(c, r * up + i);
    return keys;
  };
  const std::int64_t others = rows > 1 ? c.length - keys_of((row + 1) % rows) : 0;
  return ulysses_bytes(c, row * up, up, rank) +
         2 * others * part_count(c.heads, up, rank % up) * kBatch * kWidth * kFloatBytes;
}

std::int64_t formula(const Case& c, int rank) {
  if (c.scheme == "ulysses") return hybrid_bytes(c, c.ranks, rank);
  if (c.scheme == "ring") return hybrid_bytes(c, 1, rank);
  if (c.scheme == "allgather")
    return 2 * (c.ranks - 1) * c.heads * rows_of(c, rank) * kBatch * kWidth * kFloatBytes;
  return hybrid_bytes(c, c.up > 0 ? c.up : largest_ulysses_degree(c.ranks, c.heads), rank);
}

TEST_CASE("a rank sends the bytes of its scheme's formula", "[parallel]") {
  for (const Case& c : cases()) {
    INFO(text(c));
    const Outcome outcome = attended(c);
    for (int rank = 0; rank < c.ranks; ++rank)
      CHECK(outcome.bytes[static_cast<std::size_t>(rank)] == formula(c, rank));
  }
  const Case even{"ulysses", 4, 0, 12, 60};
  CHECK(formula(even, 1) == 4 * 3 * (15 * 12 / 4) * kBatch * kWidth * kFloatBytes);
}

TEST_CASE("queries may be fewer than keys", "[parallel]") {
  for (const char* scheme : {"ulysses", "ring", "allgather", "auto"}) {
    INFO(scheme);
    const Whole whole({scheme, 3, 0, 4, 17});
    const at::Tensor q = whole.q.narrow(2, 3, 8);
    const at::Tensor alone = PlainAttention().run(q, whole.k, whole.v, {});
    on_ranks(3, [&](const Ranks& ranks) {
      const auto hook = attention_hook(scheme, {ranks, 4, 0});
      const SequenceShards queries(hook->ranks(), 8), keys(hook->ranks(), 17);
      AttentionOptions options;
      options.split = {queries.lengths(), keys.lengths()};
      const at::Tensor out = hook->run(queries.shard(q, 2), keys.shard(whole.k, 2),
                                       keys.shard(whole.v, 2), options, PlainAttention());
      const bool close = at::allclose(queries.gather(out, 2), alone, 1e-5, 1e-5);
      if (!close) throw Error("the results differ");
    });
  }
}

TEST_CASE("attention to what every rank has is local", "[parallel]") {
  const Whole whole({"", 2, 0, 4, 9});
  for (const char* scheme : {"ulysses", "ring", "allgather", "auto"})
    on_ranks(2, [&](const Ranks& ranks) {
      const auto hook = attention_hook(scheme, {ranks, 4, 0});
      const AttentionOptions cross{.kind = AttentionKind::cross, .bias = {}, .scale = {}};
      const at::Tensor out = hook->run(whole.q, whole.k, whole.v, cross, PlainAttention());
      if (!at::equal(out, PlainAttention().run(whole.q, whole.k, whole.v, cross)))
        throw Error("the result differs");
      if (ranks->bytes_sent() != 0) throw Error("bytes were sent");
    });
}

TEST_CASE("auto takes Ulysses as far as it divides the heads, and a ring for the rest",
          "[parallel]") {
  CHECK(largest_ulysses_degree(4, 12) == 4);
  CHECK(largest_ulysses_degree(8, 12) == 4);
  CHECK(largest_ulysses_degree(6, 40) == 2);
  CHECK(largest_ulysses_degree(5, 12) == 1);
  CHECK(largest_ulysses_degree(7, 1) == 1);
}

/// Notes the largest number of heads of a call.
struct HeadsSeen final : LocalAttention {
  mutable std::atomic<std::int64_t> most{0};

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options) const override {
    return run_part(q, k, v, options).out;
  }
  AttentionPart run_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionOptions& options) const override {
    most = std::max(most.load(), q.size(1));
    return PlainAttention().run_part(q, k, v, options);
  }
};

TEST_CASE("a ring and gathered keys exchange a few heads at a time", "[parallel]") {
  // Keys and values of one head and rank are 2 MiB.
  const auto tensor = [](std::int64_t rows, double step) {
    return at::sin(at::arange(rows * 5 * 64, at::kFloat) * step)
        .view({1, rows, 5, 64})
        .transpose(1, 2);
  };
  const at::Tensor q = tensor(7, 0.71), k = tensor(8192, 0.37), v = tensor(8192, 1.3);
  const at::Tensor alone = PlainAttention().run(q, k, v, {});
  for (const char* scheme : {"ring", "allgather"}) {
    INFO(scheme);
    const HeadsSeen local;
    on_ranks(2, [&](const Ranks& ranks) {
      const auto hook = attention_hook(scheme, {ranks, 5, 0});
      const SequenceShards queries(hook->ranks(), 7), keys(hook->ranks(), 8192);
      AttentionOptions options;
      options.split = {queries.lengths(), keys.lengths()};
      const at::Tensor mine = queries.shard(q, 2).clone(), kept = mine.clone();
      const at::Tensor out = hook->run(mine, keys.shard(k, 2), keys.shard(v, 2), options, local);
      if (!at::equal(mine, kept)) throw Error("the queries were overwritten");
      if (!at::allclose(queries.gather(out, 2), alone, 1e-5, 1e-5))
        throw Error("the results differ");
      if (ranks->bytes_sent() != 2 * 5 * 4096 * 64 * kFloatBytes + out.numel() * kFloatBytes)
        throw Error("other bytes were sent");
    });
    CHECK(local.most == 1);
  }
}

TEST_CASE(
    "heads are exchanged as many at a time as keep buffers within one tensor, and blocks "
    "worth sending",
    "[parallel]") {
  const auto k = [](std::int64_t heads) {
    return at::empty({1, heads, 4096, 128}, at::TensorOptions(at::kBFloat16).device(at::kMeta));
  };
  CHECK(heads_at_once(k(40), {9, 4096}) == 4);  // 2 MiB each
  CHECK(heads_at_once(k(12), {9, 4096}) == 1);
  CHECK(heads_at_once(k(5), {9, 4096}) == 1);
  CHECK(heads_at_once(k(12), {9, 600}) == 4);  // 0.3 MiB each
  CHECK(heads_at_once(k(12), {9, 100}) == 12);
  CHECK(heads_at_once(k(12), {9, 0}) == 12);
}

struct OneOf final : Communicator {
  explicit OneOf(int size) : size_(size) {}
  int rank() const override { return 0; }
  int size() const override { return size_; }
  void all_to_all(const std::vector<at::Tensor>&, const std::vector<at::Tensor>&) override {}
  void all_gather(const at::Tensor&, const std::vector<at::Tensor>&) override {}
  void broadcast(const at::Tensor&, int) override {}
  std::unique_ptr<PendingExchange> exchange(const at::Tensor&, int, const at::Tensor&,
                                            int) override {
    return nullptr;
  }
  int size_;
};

TEST_CASE("one rank needs no hook", "[parallel]") {
  for (const char* scheme : {"ulysses", "ring", "allgather", "auto"}) {
    CHECK(attention_hook(scheme) == nullptr);
    CHECK(attention_hook(scheme, {std::make_shared<OneOf>(1), 4, 0}) == nullptr);
  }
}

TEST_CASE("only a ring needs the log-sum-exp", "[parallel]") {
  const auto needs = [](const char* scheme, std::int64_t heads, int up) {
    return attention_hook(scheme, {std::make_shared<OneOf>(4), heads, up})->needs_log_sum_exp();
  };
  CHECK(needs("ring", 12, 0));
  CHECK_FALSE(needs("ulysses", 5, 0));
  CHECK_FALSE(needs("allgather", 5, 0));
  CHECK_FALSE(needs("auto", 12, 0));
  CHECK(needs("auto", 12, 2));
  CHECK(needs("auto", 5, 0));
}

TEST_CASE("a Ulysses degree that a scheme does not have is refused by name", "[parallel]") {
  const auto make = [](const char* scheme, int up) {
    return attention_hook(scheme, {std::make_shared<OneOf>(4), 12, up});
  };
  CHECK_THROWS_WITH(make("ulysses", 2),
                    "infer.diffusion.up=2: expected 4 or null with "
                    "infer.diffusion.cp_backend=ulysses and 4 ranks");
  CHECK_THROWS_WITH(make("ring", 4),
                    "infer.diffusion.up=4: expected 1 or null with "
                    "infer.diffusion.cp_backend=ring and 4 ranks");
  CHECK_THROWS_WITH(
      make("allgather", 2),
      "infer.diffusion.up=2: expected null with infer.diffusion.cp_backend=allgather");
  CHECK_THROWS_WITH(make("auto", 3),
                    "infer.diffusion.up=3: expected a divisor of infer.diffusion.cp_size=4");
  CHECK_THROWS_AS(make("auto", 3), InputError);
}

TEST_CASE("rows that do not fit the call, and a bias, are refused", "[parallel]") {
  for (const char* scheme : {"ring", "allgather"}) {
    const auto hook = attention_hook(scheme, {std::make_shared<OneOf>(2), 4, 0});
    const at::Tensor x = at::zeros({1, 4, 3, 2});
    AttentionOptions options;
    options.split = {{3, 2}, {2, 3}};
    CHECK_THROWS_WITH(hook->run(x, x, x, options, PlainAttention()),
                      "rank 0 of 2 has 3 rows of queries and 3 of keys, the call says [3, 2] and "
                      "[2, 3]");
    options.split.keys = {3, 2};
    options.bias = at::zeros({1});
    CHECK_THROWS_WITH(hook->run(x, x, x, options, PlainAttention()),
                      "attention with a bias cannot be split between ranks");
  }
}

}  // namespace
}  // namespace chitu::parallel
