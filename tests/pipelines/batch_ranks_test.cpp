#include <ATen/ATen.h>

#include <exception>

#include "chitu_core/parallel/gloo_communicator.h"
#include "chitu_core/parallel/ranks.h"
#include "pipelines/batch/window_ranks.h"
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

constexpr int kNone = -1, kAll = -2;

/// failing  the rank that runs out of memory in `step`, kNone or kAll
std::vector<Outcome> run_on_ranks(const EngineOptions& options, std::int64_t size, int failing,
                                  int step, bool shard_weights = false) {
  parallel::ParallelOptions degrees;
  degrees.cp_size = 2;
  degrees.shard_weights = shard_weights;
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
    if (ranks.rank() == failing || failing == kAll) world.options.observers = {&full};
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
  const int failing = GENERATE(0, 1, kAll), level = GENERATE(0, 3);
  const bool sharing = GENERATE(false, true);
  CAPTURE(failing, level, sharing);
  const EngineOptions options = tiny_on("cpu", level);
  const auto whole = run_on_ranks(options, 1, kNone, 0);
  CHECK(whole[0].errors == Words(4));
  CHECK(whole[1].errors == Words(4));
  // Two steps for each job: the second step of the second one.
  const auto outcomes = run_on_ranks(options, 1, failing, 4, sharing);
  const std::string line =
      std::string(failing == 0 ? "" : "rank 1: ") + "stage denoise: no memory is left";
  for (const Outcome& outcome : outcomes) {
    REQUIRE(outcome.errors.size() == 4);
    if (failing == kAll)  // whichever was first
      CHECK_THAT(outcome.errors[1], Catch::ContainsSubstring("stage denoise: no memory is left"));
    else
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
  const auto alone = run_on_ranks(options, 1, kNone, 0),
             together = run_on_ranks(options, 3, kNone, 0);
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

TEST_CASE("errors of single jobs are those of the first rank that has one", "[batch]") {
  if (skips()) return;
  parallel::ParallelOptions degrees;
  degrees.cp_size = 2;
  std::vector<Words> told(2);
  const auto failures = testing::on_ranks(degrees, [&](parallel::Ranks& ranks) {
    const auto error = [](const std::string& text) {
      return std::make_exception_ptr(InputError(text));
    };
    std::vector<std::exception_ptr> errors(4);
    if (ranks.is_first()) errors[1] = error("one");
    if (!ranks.is_first()) errors[1] = error("another");
    if (!ranks.is_first()) errors[2] = error("two");
    const WindowRanks shared(&ranks);
    shared.share(errors);
    for (const auto& own : errors) try {
        if (own) std::rethrow_exception(own);
        told[static_cast<std::size_t>(ranks.rank())].emplace_back();
      } catch (const InputError& known) {
        told[static_cast<std::size_t>(ranks.rank())].emplace_back(known.what());
      }
  });
  CHECK(failures == Words(2));
  for (const Words& of_rank : told) CHECK(of_rank == Words{"", "one", "two", ""});
}

TEST_CASE("values of the first rank have their bits, shapes and texts on all", "[batch]") {
  if (skips()) return;
  parallel::ParallelOptions degrees;
  degrees.cp_size = 3;
  std::vector<int> same(3);
  const auto failures = testing::on_ranks(degrees, [&](parallel::Ranks& ranks) {
    graph::StoredValue values;
    values.add("latents", at::arange(24, at::kFloat).view({2, 3, 4}));
    values.add("mask", at::ones({5}, at::kBool));
    values.add("nothing", at::empty({0, 7}, at::kBFloat16));
    values.texts["fps"] = "16";
    const WindowRanks shared(&ranks);
    const auto got = shared.of_first([&] { return values; });
    const auto shapes = shared.shapes_of_first([&] { return values; });
    bool equal = got.texts == values.texts && shapes->texts == values.texts &&
                 got.tensors.size() == 3 && shapes->tensors.size() == 3;
    for (std::size_t i = 0; equal && i < 3; ++i) {
      const auto& [name, tensor] = values.tensors[i];
      equal = got.tensors[i].first == name && at::equal(got.tensors[i].second, tensor) &&
              got.tensors[i].second.scalar_type() == tensor.scalar_type() &&
              shapes->tensors[i].second.sizes() == tensor.sizes() &&
              shapes->tensors[i].second.is_meta();
    }
    same[static_cast<std::size_t>(ranks.rank())] = equal;
  });
  CHECK(failures == Words(3));
  CHECK(same == std::vector<int>{1, 1, 1});
}

}  // namespace
}  // namespace chitu::pipelines
