#include "chitu_core/parallel/sequence_shards.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/parallel/sub_communicator.h"
#include "tests/support/catch.h"
#include "tests/support/thread_ranks.h"

namespace chitu::parallel {
namespace {

using Ranks = std::shared_ptr<testing::ThreadCommunicator>;

TEST_CASE("ranks have consecutive rows, as many as each other or one more", "[parallel]") {
  for (const int size : {2, 3, 5, 7})
    for (const std::int64_t length : {0, 1, 4, 7, 100}) {
      testing::on_ranks(size, [&](const Ranks& ranks) {
        const SequenceShards shards(ranks.get(), length);
        std::int64_t next = 0;
        for (int rank = 0; rank < size; ++rank) {
          if (shards.of(rank).start != next) throw Error("rows are left out");
          next += shards.of(rank).count;
        }
        const auto lengths = shards.lengths();
        const auto [least, most] = std::ranges::minmax(lengths);
        if (next != length || most - least > 1) throw Error("rows are not even");
      });
    }
}

TEST_CASE("gathering the shards gives back the tensor, on every rank, along any dimension",
          "[parallel]") {
  for (const std::int64_t dim : {0, 1, 2})
    for (const std::int64_t length : {2, 5, 6}) {
      std::vector<std::int64_t> sizes{3, 4, 5};
      sizes[static_cast<std::size_t>(dim)] = length;
      const at::Tensor whole = at::randn(sizes);
      testing::on_ranks(3, [&](const Ranks& ranks) {
        const SequenceShards shards(ranks.get(), length);
        if (!at::equal(shards.gather(shards.shard(whole, dim), dim), whole))
          throw Error("the tensors differ");
        const std::int64_t row = whole.numel() / length * 4;
        if (ranks->bytes_sent() != 2 * row * shards.mine().count) throw Error("other bytes");
      });
    }
}

TEST_CASE("without ranks, or with one, nothing is split", "[parallel]") {
  const at::Tensor whole = at::randn({2, 5});
  testing::on_ranks(1, [&](const Ranks& one) {
    for (Communicator* ranks :
         {static_cast<Communicator*>(nullptr), static_cast<Communicator*>(one.get())}) {
      const SequenceShards shards(ranks, 5);
      const bool same =
          shards.shard(whole, 1).is_same(whole) && shards.gather(whole, 1).is_same(whole);
      if (!same || shards.is_split() || !shards.lengths().empty()) throw Error("it is split");
    }
  });
}

TEST_CASE("a run of rows is cut at the ends of a shard", "[parallel]") {
  const auto is = [](const Shard& shard, std::int64_t start, std::int64_t count) {
    return shard.start == start && shard.count == count;
  };
  CHECK(is(part_in_shard({0, 10}, {3, 4}), 0, 4));
  CHECK(is(part_in_shard({0, 5}, {3, 4}), 0, 2));
  CHECK(is(part_in_shard({5, 9}, {3, 4}), 2, 2));
  CHECK(is(part_in_shard({7, 9}, {3, 4}), 0, 0));
  CHECK(is(part_in_shard({0, 3}, {3, 4}), 0, 0));
}

TEST_CASE("rows and columns of a group exchange as groups of their own", "[parallel]") {
  testing::on_ranks(6, [](const Ranks& ranks) {
    const auto [row, column] = row_and_column(ranks, 3);
    const at::Tensor mine = at::full({2}, ranks->rank(), at::kLong);
    const auto gathered = [&](Communicator& group) {
      const at::Tensor all = at::empty({group.size(), 2}, at::kLong);
      group.all_gather(mine.unsqueeze(0), all.split(1));
      return all.select(1, 0);
    };
    const int first = ranks->rank() / 3 * 3, place = ranks->rank() % 3;
    if (!at::equal(gathered(*row), at::arange(first, first + 3))) throw Error("another row");
    if (!at::equal(gathered(*column), at::tensor({place, place + 3})))
      throw Error("another column");
    at::Tensor last = mine.clone();
    row->broadcast(last, 2);
    if (last[0].item<int>() != first + 2) throw Error("another broadcast");
    at::Tensor before = at::empty_like(mine);
    row->exchange(mine, (row->rank() + 1) % 3, before, (row->rank() + 2) % 3)->wait();
    if (before[0].item<int>() != first + (place + 2) % 3) throw Error("another neighbour");
  });
}

}  // namespace
}  // namespace chitu::parallel
