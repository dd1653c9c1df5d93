#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "chitu_core/common/files.h"
#include "tests/ranks/rank_processes.h"
#include "tests/support/temporary_folder.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using nlohmann::json;
using Bytes = std::vector<std::int64_t>;

/// The metrics of a run that ends well.
json metrics_of(int ranks, const Words& words) {
  const TemporaryFolder folder;
  if (ranks == 1) {
    const Finished end = chitu(words, folder.path());
    INFO(end.err);
    REQUIRE(end.exit_code == 0);
  } else {
    for (const Finished& end : RankProcesses(ranks, words, folder.path()).finish()) {
      INFO(end.err);
      REQUIRE(end.exit_code == 0);
    }
  }
  return json::parse(read_file(folder.path() / "run/metrics.json"));
}

/// The plans of all levels, with the keys of a run.
json plans_of(Words words) {
  words.front() = "plan";
  std::erase_if(words, [](const std::string& word) { return word.starts_with("hydra."); });
  words.insert(words.end(), {"--format", "json"});
  const TemporaryFolder folder;
  const Finished end = chitu(words, folder.path());
  INFO(end.err);
  REQUIRE(end.exit_code == 0);
  return json::parse(end.out).at("levels");
}

std::int64_t sum(const json& list) {
  const auto numbers = list.get<Bytes>();
  return std::accumulate(numbers.begin(), numbers.end(), std::int64_t{0});
}

/// Both prompts have as many tokens: so have all ranks.
Words level_words(int level, const Words& more) {
  Words words = parallel_run({});
  words.emplace_back("device=sim");
  words.emplace_back("negative_prompt=cat");
  words.push_back(fmt::format("infer.diffusion.low_mem_level={}", level));
  return joined(std::move(words), more);
}

TEST_CASE("ranks that share weights read from disk what one process reads, as planned", "[e2e]") {
  if (skips_without_gloo()) return;
  for (const int level : {0, 3}) {
    INFO(level);
    const Words words = level_words(level, {"infer.diffusion.cp_size=3"});
    const Words sharing = joined(words, {"infer.diffusion.shard_weights=true"});
    const json one = metrics_of(1, level_words(level, {}));
    const json each = metrics_of(3, words), together = metrics_of(3, sharing);
    const json& of_ranks = together.at("parallel").at("of_each_rank");
    const std::int64_t read = one.at("sums").at("disk_bytes");
    CHECK(together.at("frames") == each.at("frames"));
    CHECK(sum(each.at("parallel").at("of_each_rank").at("disk_bytes")) == 3 * read);
    CHECK(sum(of_ranks.at("disk_bytes")) == read);
    const json plan = plans_of(sharing).at(static_cast<std::size_t>(level));
    const json& request = plan.at("request");
    CHECK(of_ranks.at("disk_bytes").at(0) == request.at("disk_bytes"));
    CHECK(together.at("parallel").at("bytes_sent").at("weights") ==
          request.at("sent_weight_bytes"));
    CHECK(of_ranks.at("sent_bytes").at(0) == request.at("sent_bytes"));
    // Rank 0 has the largest share of the sequence.
    const auto peaks = of_ranks.at("peak_device_bytes").get<Bytes>();
    CHECK(peaks.front() == plan.at("peak_device_bytes"));
    CHECK(std::ranges::max(peaks) == peaks.front());
  }
}

TEST_CASE("the peak of every rank is that of the plan, at every level", "[e2e]") {
  if (skips_without_gloo()) return;
  struct Case {
    int ranks;
    Words keys;
  };
  const auto& [ranks, keys] = GENERATE(
      values<Case>({{2, {"infer.diffusion.cp_size=2"}},
                    {2, {"infer.diffusion.cp_size=2", "infer.diffusion.cp_backend=ring"}},
                    {2, {"infer.diffusion.cp_size=2", "infer.diffusion.cp_backend=allgather"}},
                    {2, {"infer.diffusion.cfg_size=2"}},
                    {4, {"infer.diffusion.cp_size=4", "infer.diffusion.up=2"}},
                    {4, {"infer.diffusion.cp_size=2", "infer.diffusion.cfg_size=2"}}}));
  const json plans = plans_of(level_words(0, keys));
  for (const int level : {0, 1, 2, 3}) {
    const Words words = level_words(level, keys);
    CAPTURE(words);
    const json metrics = metrics_of(ranks, words);
    const json& plan = plans.at(static_cast<std::size_t>(level));
    const json& of_ranks = metrics.at("parallel").at("of_each_rank");
    const Bytes planned(static_cast<std::size_t>(ranks), plan.at("peak_device_bytes"));
    CHECK(of_ranks.at("peak_device_bytes").get<Bytes>() == planned);
    CHECK(of_ranks.at("sent_bytes").at(0) == plan.at("request").at("sent_bytes"));
  }
}

TEST_CASE("a rank that is killed or stopped ends the others, which wait for its weights", "[e2e]") {
  if (skips_without_gloo()) return;
  const int signal = GENERATE(SIGKILL, SIGSTOP);
  const std::size_t ended = GENERATE(0, 1);
  const TemporaryFolder folder;
  // Guidance ranks exchange nothing but weights within a step.
  RankProcesses ranks(2,
                      long_run({"infer.diffusion.cfg_size=2", "infer.diffusion.shard_weights=true",
                                "infer.diffusion.low_mem_level=3", "infer.diffusion.timeout_s=4"}),
                      folder.path());
  wait_for_steps(folder.path());
  ranks[ended].send(signal);
  std::thread waker([&] {
    std::this_thread::sleep_for(std::chrono::seconds(6));
    if (signal == SIGSTOP) ranks[ended].send(SIGCONT);
  });
  const auto ends = ranks.finish();
  waker.join();
  const Finished& other = ends[1 - ended];
  INFO(other.err);
  CHECK(other.exit_code == 1);
  CHECK(is_one_line(other.err));
  CHECK_THAT(other.err, ContainsSubstring("rank " + std::to_string(ended)) &&
                            ContainsSubstring("stage was denoise"));
}

TEST_CASE("an interrupt ends ranks that share weights", "[e2e]") {
  if (skips_without_gloo()) return;
  check_interrupt({"infer.diffusion.cfg_size=2", "infer.diffusion.shard_weights=true",
                   "infer.diffusion.low_mem_level=3"});
}

TEST_CASE("ranks of one host read weights that they keep there once", "[e2e]") {
  if (skips_without_gloo()) return;
  for (const Words& keys : {Words{"device=cpu"}, Words{"device=sim", "memory=fp8_e4m3"}}) {
    CAPTURE(keys);
    const Words words = joined(parallel_run(keys), {"infer.dtype=float32"});
    const json one = metrics_of(1, words);
    const json two = metrics_of(2, joined(words, {"infer.diffusion.cp_size=2"}));
    const std::int64_t read = one.at("sums").at("disk_bytes");
    // Weights of less than a page are read by each.
    CHECK(sum(two.at("parallel").at("of_each_rank").at("disk_bytes")) < 2 * read);
  }
}

TEST_CASE("shard_weights in one process is refused by plans and runs", "[e2e]") {
  const TemporaryFolder folder;
  for (const char* command : {"plan", "run"}) {
    Words words = parallel_run({"infer.diffusion.shard_weights=true"});
    words.front() = command;
    const Finished end = chitu(words, folder.path());
    CHECK(end.exit_code == 2);
    CHECK(end.err ==
          "error: infer.diffusion.shard_weights=true: expected false for one process; ranks of "
          "infer.diffusion.cp_size or infer.diffusion.cfg_size above 1 share weights\n");
  }
  CHECK(fs::is_empty(folder.path()));
}

}  // namespace
}  // namespace chitu::testing
