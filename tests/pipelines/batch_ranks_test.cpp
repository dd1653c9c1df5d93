#include <mutex>

#include "chitu_core/parallel/gloo_communicator.h"
#include "chitu_core/parallel/ranks.h"
#include "tests/parallel/threads_of_ranks.h"
#include "tests/pipelines/batch_world.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using Words = std::vector<std::string>;

bool skips() {
  if (parallel::has_gloo()) return false;
  WARN("skipped: this build has no gloo");
  return true;
}

/// Runs out of memory in the n-th denoising step that it sees.
class FullInStep final : public graph::Observer {
 public:
  explicit FullInStep(int step) : step_(step) {}
  void step_begin(int, int) override {
    if (++seen_ == step_) throw OutOfMemoryError("no memory is left");
  }

 private:
  int step_, seen_ = 0;
};

/// What a window of four jobs came to on a rank.
struct Outcome {
  Words errors{};  ///< of each item; empty for one that is saved
  std::vector<std::map<std::string, std::string>> media{};
};

/// failing  the rank that runs out of memory in `step`; -1 for none
std::vector<Outcome> run_on_ranks(const EngineOptions& options, std::int64_t size, int failing,
                                  int step) {
  parallel::ParallelOptions degrees;
  degrees.cp_size = 2;
  std::vector<Outcome> outcomes(2);
  const auto errors = testing::on_ranks(degrees, [&](parallel::Ranks& ranks) {
    EngineOptions own = options;
    own.parallel = degrees;
    own.parallel.groups = ranks.groups();
    BatchWorld world(own);
    world.options.ranks = &ranks;
    world.options.size = size;
    world.add_alike(4);
    if (!ranks.is_first())
      for (BatchItem& item : world.items) item.output = {};
    FullInStep full(step);
    if (ranks.rank() == failing) world.options.observers = {&full};
    BatchLog log;
    world.run(log);
    Outcome& outcome = outcomes[static_cast<std::size_t>(ranks.rank())];
    for (std::size_t item = 0; item < 4; ++item) {
      outcome.errors.push_back(log.errors[item]);
      outcome.media.push_back(ranks.is_first() ? world.made(item)
                                               : std::map<std::string, std::string>());
    }
  });
  CHECK(errors == Words(2));
  return outcomes;
}

TEST_CASE("a job for which one rank has no memory fails on all; the others are made", "[batch]") {
  if (skips()) return;
  const int failing = GENERATE(0, 1), level = GENERATE(0, 3);
  CAPTURE(failing, level);
  const EngineOptions options = tiny_on("cpu", level);
  const auto whole = run_on_ranks(options, 1, -1, 0);
  CHECK(whole[0].errors == Words(4));
  CHECK(whole[1].errors == Words(4));
  // Two steps for each job: the second step of the second one.
  const auto outcomes = run_on_ranks(options, 1, failing, 4);
  const std::string line =
      std::string(failing == 0 ? "" : "rank 1: ") + "stage denoise: no memory is left";
  for (const Outcome& outcome : outcomes) {
    REQUIRE(outcome.errors.size() == 4);
    CHECK_THAT(outcome.errors[1], Catch::StartsWith(line));
    for (const std::size_t item : {0, 2, 3}) CHECK(outcome.errors[item].empty());
  }
  for (const std::size_t item : {0, 2, 3}) CHECK(outcomes[0].media[item] == whole[0].media[item]);
  CHECK(outcomes[0].media[1].empty());
}

TEST_CASE("jobs that pass the transformer together on several ranks have the bits of each alone",
          "[batch]") {
  if (skips()) return;
  const EngineOptions options = tiny_on("cpu", 3);
  const auto alone = run_on_ranks(options, 1, -1, 0), together = run_on_ranks(options, 3, -1, 0);
  CHECK(together[0].errors == Words(4));
  CHECK(together[0].media == alone[0].media);
  // All jobs of a group share what has failed.
  const auto failed = run_on_ranks(options, 3, 1, 1);
  for (const Outcome& outcome : failed)
    for (const std::size_t item : {0, 1, 2})
      CHECK_THAT(outcome.errors[item], Catch::StartsWith("rank 1: stage denoise: no memory"));
  CHECK(failed[1].errors[3].empty());
  CHECK(failed[0].media[3] == alone[0].media[3]);
}

}  // namespace
}  // namespace chitu::pipelines
