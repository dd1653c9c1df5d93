#include "chitu_core/parallel/ranks.h"

#include <ATen/ATen.h>

#include <future>
#include <memory>
#include <mutex>

#include "chitu_core/parallel/gloo_communicator.h"
#include "chitu_core/parallel/store.h"
#include "chitu_core/parallel/texts.h"
#include "tests/parallel/threads_of_ranks.h"
#include "tests/support/catch.h"

namespace chitu::parallel {
namespace {

using testing::on_ranks;
using Texts = std::vector<std::string>;
using Tensors = std::vector<at::Tensor>;

ParallelOptions degrees(int cp_size, int cfg_size = 1) {
  return {.cp_size = cp_size, .up = 0, .cfg_size = cfg_size, .backend = "auto", .groups = {}};
}

/// Catch's assertions are for one thread: ranks note what they find.
class Findings {
 public:
  void expect(bool holds, const std::string& what) {
    const std::lock_guard lock(mutex_);
    if (!holds) wrong_.push_back(what);
  }
  const Texts& wrong() const { return wrong_; }

 private:
  std::mutex mutex_;
  Texts wrong_;
};

bool skips() {
  if (has_gloo()) return false;
  WARN("skipped: this build has no gloo");
  return true;
}

TEST_CASE("a world rank is guidance rank * cp_size + context rank", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(
      on_ranks(degrees(3, 2), [&](Ranks& ranks) {
        const Groups& groups = *ranks.groups();
        findings.expect(groups.world->rank() == ranks.rank() && groups.world->size() == 6, "world");
        findings.expect(groups.context->rank() == ranks.rank() % 3 && groups.context->size() == 3,
                        "context");
        findings.expect(groups.guidance->rank() == ranks.rank() / 3 && groups.guidance->size() == 2,
                        "guidance");
        // What each group gathers are the world ranks of its members.
        const at::Tensor mine = at::full({1}, ranks.rank());
        Tensors of_context{at::zeros_like(mine), at::zeros_like(mine), at::zeros_like(mine)};
        Tensors of_guidance{at::zeros_like(mine), at::zeros_like(mine)};
        groups.context->all_gather(mine, of_context);
        groups.guidance->all_gather(mine, of_guidance);
        for (int i = 0; i < 3; ++i)
          findings.expect(of_context[i].item<int>() == ranks.rank() / 3 * 3 + i, "gathered");
        for (int i = 0; i < 2; ++i)
          findings.expect(of_guidance[i].item<int>() == i * 3 + ranks.rank() % 3, "gathered");
      }) == Texts(6));
  CHECK(findings.wrong() == Texts());
}

/// Elements that rank `from` sends to rank `to`: some, and none for some pairs.
std::int64_t count(int from, int to) { return (from * 5 + to * 3) % 4 * 7; }

TEST_CASE("pieces of an all-to-all differ in size, and may be empty", "[parallel]") {
  if (skips()) return;
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kLong);
  Findings findings;
  CHECK(on_ranks(degrees(5), [&](Ranks& ranks) {
          const auto& world = ranks.groups()->world;
          Tensors sent, received;
          std::int64_t bytes = 0;
          for (int other = 0; other < 5; ++other) {
            sent.push_back(
                at::full({count(ranks.rank(), other), 2}, ranks.rank() * 10 + other, dtype));
            received.push_back(at::zeros({count(other, ranks.rank()), 2}, dtype));
            if (other != ranks.rank()) bytes += static_cast<std::int64_t>(sent.back().nbytes());
          }
          world->all_to_all(sent, received);
          for (int other = 0; other < 5; ++other)
            findings.expect(at::equal(received[static_cast<std::size_t>(other)],
                                      at::full({count(other, ranks.rank()), 2},
                                               other * 10 + ranks.rank(), dtype)),
                            "received");
          findings.expect(world->bytes_sent() == bytes, "bytes");
          findings.expect(ranks.groups()->context->bytes_sent() == 0, "bytes of another group");
        }) == Texts(5));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("every rank gathers the tensors of all, of any size", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(degrees(3), [&](Ranks& ranks) {
          const auto& world = ranks.groups()->world;
          const auto of = [](int rank) { return at::full({rank * 4, 3}, rank + 1, at::kFloat); };
          Tensors received;
          for (int other = 0; other < 3; ++other) received.push_back(at::zeros_like(of(other)));
          world->all_gather(of(ranks.rank()), received);
          for (int other = 0; other < 3; ++other)
            findings.expect(at::equal(received[static_cast<std::size_t>(other)], of(other)),
                            "gathered");
          findings.expect(world->bytes_sent() == ranks.rank() * 4 * 3 * 4 * 2, "bytes");
        }) == Texts(3));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("a broadcast gives every rank the tensor of its root", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(degrees(3), [&](Ranks& ranks) {
          const auto& world = ranks.groups()->world;
          for (int root = 0; root < 3; ++root) {
            const at::Tensor tensor = at::full({7}, ranks.rank() + 10);
            world->broadcast(tensor, root);
            findings.expect(at::equal(tensor, at::full({7}, root + 10)), "broadcast");
          }
          findings.expect(world->bytes_sent() == 2 * 7 * 8, "bytes");
        }) == Texts(3));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("blocks go round a ring beside computation, of any size", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(degrees(4), [&](Ranks& ranks) {
          const auto& ring = ranks.groups()->context;
          const auto of = [](int rank) { return at::full({5 + rank}, rank, at::kFloat); };
          const int size = ring->size(), rank = ring->rank();
          at::Tensor held = of(rank);
          for (int hop = 1; hop < size; ++hop) {
            const int source = (rank - hop + size) % size;
            const at::Tensor next = at::empty_like(of(source));
            const auto pending =
                ring->exchange(held, (rank + 1) % size, next, (rank - 1 + size) % size);
            findings.expect(at::equal(held, of((source + 1) % size)), "held while it is sent");
            pending->wait();
            findings.expect(at::equal(next, of(source)), "received");
            held = next;
          }
        }) == Texts(4));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("one rank alone exchanges with itself and sends nothing", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(degrees(1, 2), [&](Ranks& ranks) {
          const auto& alone = ranks.groups()->context;
          const at::Tensor mine = at::arange(6);
          const Tensors received{at::zeros_like(mine)};
          alone->all_to_all({mine}, received);
          findings.expect(at::equal(received[0], mine), "all_to_all");
          received[0].zero_();
          alone->exchange(mine, 0, received[0], 0)->wait();
          findings.expect(at::equal(received[0], mine), "exchange");
          alone->broadcast(mine, 0);
          findings.expect(alone->bytes_sent() == 0, "bytes");
        }) == Texts(2));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("ranks that differ end with the same line, which names the first difference",
          "[parallel]") {
  if (skips()) return;
  CHECK(on_ranks(degrees(3), [&](Ranks& ranks) { ranks.agree({{"a", "1"}, {"b", "2"}}); }) ==
        Texts(3));
  const std::string line = "rank 2 differs from rank 0 in b: 3, not 2";
  CHECK(on_ranks(degrees(3), [&](Ranks& ranks) {
          ranks.agree({{"a", "1"}, {"b", ranks.rank() == 2 ? "3" : "2"}});
        }) == Texts{line, line, line});
}

TEST_CASE("a rank that fails ends the others with its stage and reason", "[parallel]") {
  if (skips()) return;
  const auto errors = on_ranks(degrees(3), [&](Ranks& ranks) {
    ranks.monitor().enter("denoise");
    if (ranks.rank() == 1) {
      ranks.monitor().fail("no more paper", exit_codes::kFailed);
      throw Error("no more paper");
    }
    ranks.groups()->world->broadcast(at::zeros({3}), 1);
  });
  const std::string line = "rank 1 failed in stage denoise: no more paper";
  CHECK(errors == Texts{line, "no more paper", line});
}

TEST_CASE("a rank whose main thread hangs after a failure is ended", "[parallel]") {
  if (skips()) return;
  std::promise<Failure> ended;
  const auto errors = on_ranks(
      degrees(2),
      [&](Ranks& ranks) {
        if (ranks.rank() == 0) {
          ended.get_future().wait();  // asks for nothing, as a long computation
          ranks.monitor().check();
        }
        ranks.monitor().fail("no more ink", exit_codes::kFailed);
        throw Error("no more ink");
      },
      std::chrono::seconds(2),
      [&, told = std::make_shared<std::once_flag>()](const Failure& failure) {
        std::call_once(*told, [&] { ended.set_value(failure); });
      });
  CHECK(errors == Texts{"rank 1 failed in stage start: no more ink", "no more ink"});
}

TEST_CASE("a rank that leaves early ends the others", "[parallel]") {
  if (skips()) return;
  const auto errors = on_ranks(degrees(2), [&](Ranks& ranks) {
    ranks.monitor().enter("decode");
    if (ranks.rank() == 1) throw Error("gone");
    ranks.monitor().finish();
  });
  CHECK(errors == Texts{"rank 1 has left in stage decode", "gone"});
}

TEST_CASE("work that fails on a rank fails on all, and they go on", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(degrees(3), [&](Ranks& ranks) {
          const auto& world = ranks.groups()->world;
          const auto broadcast = [&] { world->broadcast(at::zeros({5}), 1); };
          for (int failing = 0; failing < 3; ++failing) {
            const auto failure = ranks.attempt([&] {
              broadcast();
              if (ranks.rank() == failing) throw OutOfMemoryError("no more paper");
              // The others wait for a rank that does not come.
              world->broadcast(at::zeros({1000}), failing);
            });
            const std::string label = failing == 0 ? "" : "rank " + std::to_string(failing) + ": ";
            findings.expect(
                failure == Failure{failing, exit_codes::kOutOfMemory, label + "no more paper"},
                "failure");
            const at::Tensor tensor = at::full({7}, ranks.rank());
            findings.expect(!ranks.attempt([&] { world->broadcast(tensor, 2); }), "success");
            findings.expect(at::equal(tensor, at::full({7}, 2)), "broadcast");
          }
        }) == Texts(3));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("a rank that fails after the last exchange, or beside another, fails all", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(degrees(3), [&](Ranks& ranks) {
          const auto last = ranks.attempt([&] {
            ranks.groups()->world->broadcast(at::zeros({5}), 0);
            if (ranks.rank() == 2) throw InputError("no more ink");
          });
          findings.expect(last == Failure{2, exit_codes::kInputError, "rank 2: no more ink"},
                          "after the last exchange");
          const auto all = ranks.attempt([&] { throw Error("rain"); });
          findings.expect(all && all->text.ends_with("rain"), "all of them");
        }) == Texts(3));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("a rank that fails at once at the next work fails no rank at the last one",
          "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(
            degrees(3),
            [&](Ranks& ranks) {
              for (int round = 0; round < 30; ++round) {
                findings.expect(!ranks.attempt([] {}), "the work before");
                findings.expect(ranks
                                    .attempt([&] {
                                      if (ranks.rank() == round % 3) throw Error("rain");
                                    })
                                    .has_value(),
                                "the failed work");
              }
            },
            std::chrono::seconds(20)) == Texts(3));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("ranks that go on after a failure still notice one that ends", "[parallel]") {
  if (skips()) return;
  const auto errors = on_ranks(degrees(2), [&](Ranks& ranks) {
    ranks.attempt([&] { throw Error("rain"); });
    ranks.monitor().enter("decode");
    if (ranks.rank() == 1) throw Error("gone");
    ranks.attempt([&] { ranks.groups()->world->broadcast(at::zeros({5}), 1); });
  });
  CHECK(errors[1] == "gone");
  CHECK_THAT(errors[0], Catch::StartsWith("rank 1 "));
}

TEST_CASE("groups of a launch are connected each for itself", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(
            degrees(2),
            [&](Ranks& ranks) {
              findings.expect(ranks.size() == 2, "size");
              const at::Tensor tensor = at::full({7}, ranks.launch().first_rank + ranks.rank());
              ranks.groups()->world->broadcast(tensor, 1);
              findings.expect(at::equal(tensor, at::full({7}, ranks.launch().first_rank + 1)),
                              "broadcast");
              ranks.agree({{"group", std::to_string(ranks.launch().first_rank)}});
            },
            std::chrono::seconds(20), {}, 3) == Texts(6));
  CHECK(findings.wrong() == Texts());
  const auto errors = on_ranks(
      degrees(2),
      [&](Ranks& ranks) {
        ranks.agree({{"seed", std::to_string(ranks.launch().first_rank / 2 * ranks.rank())}});
      },
      std::chrono::seconds(20), {}, 2);
  const std::string line = "rank 3 differs from rank 2 in seed: 1, not 0";
  CHECK(errors == Texts{"", "", line, line});
}

TEST_CASE("degrees of as many ranks share their connections", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(degrees(4), [&](Ranks& ranks) {
          const auto other = ranks.groups(degrees(2, 2));
          findings.expect(other->context->size() == 2 && other->guidance->size() == 2, "sizes");
          findings.expect(other->world == ranks.groups()->world, "world");
          findings.expect(ranks.groups(degrees(4)) == ranks.groups(), "the first ones");
          const at::Tensor tensor = at::full({7}, ranks.rank());
          other->guidance->broadcast(tensor, 1);
          findings.expect(at::equal(tensor, at::full({7}, ranks.rank() % 2 + 2)), "broadcast");
        }) == Texts(4));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("texts and numbers of ranks are gathered and broadcast, empty ones too", "[parallel]") {
  if (skips()) return;
  Findings findings;
  CHECK(on_ranks(degrees(3), [&](Ranks& ranks) {
          Communicator& world = *ranks.groups()->world;
          const auto of = [](int rank) { return std::string(static_cast<std::size_t>(rank), 'x'); };
          findings.expect(gather_texts(world, of(ranks.rank())) == Texts{"", "x", "xx"}, "texts");
          findings.expect(broadcast_text(world, of(ranks.rank()), 2) == "xx", "broadcast");
          findings.expect(broadcast_text(world, of(ranks.rank()), 0).empty(), "empty");
          findings.expect(gather_numbers(world, {ranks.rank(), 7}) ==
                              std::vector<std::vector<std::int64_t>>{{0, 7}, {1, 7}, {2, 7}},
                          "numbers");
        }) == Texts(3));
  CHECK(findings.wrong() == Texts());
}

TEST_CASE("a rank that does not come is named", "[parallel]") {
  if (skips()) return;
  const Launch first{.launcher = "torchrun",
                     .rank = 0,
                     .size = 3,
                     .address = "127.0.0.1",
                     .port = testing::free_port()};
  CHECK_THROWS_WITH(Ranks(first, degrees(3), std::chrono::milliseconds(300), {}),
                    "ranks 1, 2 of 3 did not come within 0.3 s (infer.diffusion.timeout_s)");
  Launch second = first;
  second.rank = 1;
  CHECK_THROWS_WITH(Ranks(second, degrees(3), std::chrono::milliseconds(1000), {}),
                    Catch::ContainsSubstring("cannot reach rank 0 at 127.0.0.1:") &&
                        Catch::ContainsSubstring("within 1 s (MASTER_ADDR, MASTER_PORT)"));
}

TEST_CASE("rank 0 names a port that is in use", "[parallel]") {
  if (skips()) return;
  const Launch one{.launcher = "torchrun",
                   .rank = 0,
                   .size = 2,
                   .address = "127.0.0.1",
                   .port = testing::free_port()};
  const Store first(one, std::chrono::seconds(5));
  CHECK_THROWS_AS(Store(one, std::chrono::seconds(5)), InputError);
  CHECK_THROWS_WITH(Store(one, std::chrono::seconds(5)),
                    "MASTER_PORT=" + std::to_string(one.port) +
                        ": is in use on this host, expected a port that is free");
}

}  // namespace
}  // namespace chitu::parallel
