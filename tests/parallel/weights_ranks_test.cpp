#include <ATen/ATen.h>

#include <atomic>
#include <thread>

#include "chitu_core/device/shared_host_memory.h"
#include "chitu_core/parallel/gloo_communicator.h"
#include "chitu_core/parallel/planned_communicator.h"
#include "tests/parallel/threads_of_ranks.h"
#include "tests/support/catch.h"

namespace chitu::parallel {
namespace {

using testing::on_ranks;
using Texts = std::vector<std::string>;

bool skips() {
  if (has_gloo()) return false;
  WARN("skipped: this build has no gloo");
  return true;
}

ParallelOptions sharing(int cp_size, int cfg_size = 1) {
  ParallelOptions options;
  options.cp_size = cp_size;
  options.cfg_size = cfg_size;
  options.shard_weights = true;
  return options;
}

/// Gathers numbers that tell rank and round.
bool gathers(Communicator& group, int round) {
  const auto of = [&](int rank) { return at::full({1000 + rank}, rank * 1000 + round, at::kInt); };
  std::vector<at::Tensor> all;
  for (int rank = 0; rank < group.size(); ++rank) all.push_back(at::zeros_like(of(rank)));
  group.all_gather(of(group.rank()), all);
  for (int rank = 0; rank < group.size(); ++rank)
    if (!at::equal(all[static_cast<std::size_t>(rank)], of(rank))) return false;
  return true;
}

TEST_CASE("weights are exchanged beside the computation, by another thread", "[parallel]") {
  if (skips()) return;
  std::atomic<int> wrong = 0;
  CHECK(on_ranks(sharing(3), [&](Ranks& ranks) {
          const Groups& groups = *ranks.groups();
          std::jthread loader([&] {
            for (int round = 0; round < 200; ++round)
              if (!gathers(*groups.weights, round)) ++wrong;
          });
          for (int round = 0; round < 200; ++round)
            if (!gathers(*groups.context, round) || !gathers(*groups.world, round)) ++wrong;
        }) == Texts(3));
  CHECK(wrong == 0);
}

TEST_CASE("all ranks share weights, those of each guidance branch too", "[parallel]") {
  if (skips()) return;
  CHECK(on_ranks(sharing(2, 2), [](Ranks& ranks) {
          if (ranks.groups()->weights->size() != 4) throw Error("another size");
        }) == Texts(4));
  ParallelOptions each = sharing(2);
  CHECK(planned_groups(each)->weights->size() == 2);
  each.shard_weights = false;
  CHECK(planned_groups(each)->weights == nullptr);
  CHECK(on_ranks(each, [](Ranks& ranks) {
          if (ranks.groups()->weights) throw Error("a group for weights");
        }) == Texts(2));
}

TEST_CASE("a rank that fails ends a thread that waits for its weights", "[parallel]") {
  if (skips()) return;
  const auto errors = on_ranks(sharing(2), [](Ranks& ranks) {
    ranks.monitor().enter("denoise");
    if (ranks.rank() == 1) {
      ranks.monitor().fail("no more disk", exit_codes::kFailed);
      throw Error("no more disk");
    }
    gathers(*ranks.groups()->weights, 0);
  });
  CHECK(errors == Texts{"rank 1 failed in stage denoise: no more disk", "no more disk"});
}

TEST_CASE("ranks of one host share its memory", "[parallel]") {
  if (skips()) return;
  std::atomic<int> fills = 0, rights = 0;
  CHECK(on_ranks(sharing(3), [&](Ranks& ranks) {
          if (!ranks.host_memory()) throw Error("no memory of the host");
          const at::Tensor block =
              ranks.host_memory()->get("weights", 1000, [&](const at::Tensor& empty) {
                ++fills;
                empty.fill_(7);
              });
          if (block.eq(7).all().item<bool>()) ++rights;
          gathers(*ranks.groups()->world, 0);  // all have it until then
        }) == Texts(3));
  CHECK(fills == 1);
  CHECK(rights == 3);
}

}  // namespace
}  // namespace chitu::parallel
