#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "chitu_core/common/files.h"
#include "tests/ranks/rank_processes.h"
#include "tests/support/temporary_folder.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;
using nlohmann::json;
using Media = std::map<std::string, std::string>;

const std::string kSixJobs = "matrix: {prompt: [a red circle, a dog], seed: [1, 2, 3]}\n";
const Words kTwo{"infer.diffusion.cp_size=2"};

std::ptrdiff_t lines_of(const fs::path& file) {
  if (!fs::exists(file)) return 0;
  const std::string text = read_file(file);
  return std::count(text.begin(), text.end(), '\n');
}

Media media_in(const fs::path& folder) {
  Media files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() == ".png")
      files[fs::relative(entry.path(), folder).string()] = read_file(entry.path());
  return files;
}

/// A batch by ranks of which each is started in a folder of its own, as if on a host of its own.
class Batch {
 public:
  explicit Batch(int ranks, const std::string& list = kSixJobs) {
    for (int rank = 0; rank < ranks; ++rank) {
      folders_.push_back(folder_ / ("rank" + std::to_string(rank)));
      fs::create_directory(folders_.back());
      write_file(folders_.back() / "jobs.yaml", list);
    }
  }

  RankProcesses start(const Words& more, const Words& of_last = {}) const {
    Words words{"batch",
                "jobs.yaml",
                "device=cpu",
                "infer.diffusion.timeout_s=20",
                of_tiny_model(),
                "width=32",
                "height=32",
                "num_frames=5",
                "num_inference_steps=2",
                "output.format=frames"};
    words.insert(words.end(), more.begin(), more.end());
    return RankProcesses(words, folders_, of_last);
  }
  std::vector<Finished> run(const Words& more = kTwo, const Words& of_last = {}) const {
    return start(more, of_last).finish();
  }
  /// As run(); all ranks do it without a word of an error.
  std::vector<Finished> run_well(const Words& more = kTwo) const {
    auto ranks = run(more);
    for (const Finished& rank : ranks) {
      INFO(rank.err);
      CHECK(rank.exit_code == 0);
      CHECK_THAT(rank.err, !ContainsSubstring("error"));
    }
    return ranks;
  }

  const fs::path& folder_of(std::size_t rank) const { return folders_[rank]; }
  fs::path at(const std::string& shard = "") const { return folders_[0] / "batch/jobs" / shard; }
  json summary() const { return json::parse(read_file(at() / "summary.json")); }
  Media media() const { return media_in(at()); }
  std::map<int, int> made() const {
    std::map<int, int> times;
    std::istringstream text(read_file(at() / "journal.jsonl"));
    for (std::string line; std::getline(text, line);)
      if (const json entry = json::parse(line); entry.value("state", "") == "done")
        ++times[entry.at("job").get<int>()];
    return times;
  }
  /// Whether a rank beside the first has left anything but its list.
  bool others_wrote() const {
    return std::any_of(folders_.begin() + 1, folders_.end(), [](const fs::path& folder) {
      return std::distance(fs::directory_iterator(folder), {}) != 1;
    });
  }

  /// Sends a signal to a rank once the journal has so many lines.
  std::vector<Finished> signalled(const Words& more, std::ptrdiff_t lines, std::size_t rank,
                                  int signal) const {
    RankProcesses ranks = start(more);
    for (int tries = 0; tries < 30000 && lines_of(at() / "journal.jsonl") < lines; ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ranks[rank].send(signal);
    return ranks.finish();
  }

 private:
  TemporaryFolder folder_;
  std::vector<fs::path> folders_;
};

const std::map<int, int> kEachOnce{{0, 1}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}};

TEST_CASE("ranks do a batch together, and make what their single runs make", "[e2e]") {
  if (skips_without_gloo()) return;
  const std::vector<Words> ways{
      kTwo,
      {"infer.diffusion.cfg_size=2"},
      {"infer.diffusion.cp_size=2", "batch.size=3", "infer.diffusion.low_mem_level=3"}};
  const Words& degrees = ways[GENERATE(std::size_t{0}, std::size_t{1}, std::size_t{2})];
  CAPTURE(degrees);
  const Batch batch(2);
  Words three_a_window = degrees;
  three_a_window.emplace_back("batch.window=3");
  const auto ranks = batch.run_well(three_a_window);
  CHECK_THAT(ranks[0].out, ContainsSubstring("6 jobs: 6 done"));
  CHECK(ranks[1].out.empty());
  CHECK(ranks[1].err.empty());
  CHECK(batch.made() == kEachOnce);
  CHECK_FALSE(batch.others_wrote());
  CHECK_FALSE(fs::exists(batch.at() / "spill"));
  const json windows = batch.summary().at("windows");
  REQUIRE(windows.size() == 2);
  for (const json& window : windows)
    for (const char* component : {"text_encoder", "transformer", "vae"})
      CHECK(window.at("loads").value(component, 0) <= 1);
  const TemporaryFolder single;
  Words run = tiny_run({"device=cpu", "prompt=a dog", "seed=2", "output.format=frames"});
  run.insert(run.end(), degrees.begin(), degrees.end());
  for (const Finished& rank : RankProcesses(2, run, single.path()).finish())
    REQUIRE(rank.exit_code == 0);
  CHECK(media_in(single / "run/frames") == media_in(batch.at() / "0004"));
}

TEST_CASE("a batch goes on after any of its ranks was killed", "[e2e]") {
  if (skips_without_gloo()) return;
  const std::size_t killed = GENERATE(0, 1);
  // While it samples; while it decodes what it has sampled.
  const std::ptrdiff_t lines = GENERATE(2, 5, 8);
  CAPTURE(killed, lines);
  const Words degrees = killed == 0 ? kTwo : Words{"infer.diffusion.cfg_size=2"};
  const Batch whole(2), batch(2);
  whole.run_well(degrees);
  const auto ends = batch.signalled(degrees, lines, killed, SIGKILL);
  CHECK(ends[killed].exit_code == 128 + SIGKILL);
  INFO(ends[1 - killed].err);
  CHECK(ends[1 - killed].exit_code == 1);
  CHECK_THAT(ends[1 - killed].err, ContainsSubstring("rank " + std::to_string(killed)));
  CHECK(batch.made().size() < 6);
  batch.run_well(degrees);
  CHECK(batch.made() == kEachOnce);
  CHECK(batch.media() == whole.media());
  CHECK_FALSE(batch.others_wrote());
  CHECK_THAT(batch.run_well(degrees)[0].out, ContainsSubstring("6 jobs: 6 done"));
  CHECK(batch.made() == kEachOnce);
}

TEST_CASE("a signal to one rank pauses or stops the batch on all", "[e2e]") {
  if (skips_without_gloo()) return;
  const std::size_t rank = GENERATE(0, 1);
  const int signal = GENERATE(SIGINT, SIGTERM);
  CAPTURE(rank, signal);
  Words words = kTwo;
  words.emplace_back("batch.window=1");
  const Batch batch(2);
  const auto ends = batch.signalled(words, 2, rank, signal);
  for (const Finished& end : ends) {
    INFO(end.err);
    CHECK(end.exit_code == 128 + signal);
  }
  CHECK(batch.made().size() < 6);
  if (signal == SIGINT)
    CHECK_THAT(ends[0].err,
               ContainsSubstring("paused: ") && ContainsSubstring("of 6 jobs are done"));
  batch.run_well(words);
  CHECK(batch.made() == kEachOnce);
}

TEST_CASE("a job that fails on one rank has failed, and the ranks go on", "[e2e]") {
  if (skips_without_gloo()) return;
  const std::string list = "- a red circle\n- {prompt: a dog, output.name: own}\n- a cat\n";
  const Batch batch(2, list), whole(2, list);
  whole.run_well();
  // The first rank alone sees that the second job's folder is in the way.
  RankProcesses ranks = batch.start({kTwo[0], "batch.window=1"});
  for (int tries = 0; tries < 30000 && lines_of(batch.at() / "journal.jsonl") < 1; ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  write_file(batch.at() / "own", "a file where the folder of frames would be");
  const auto ends = ranks.finish();
  INFO(ends[0].err << ends[1].err);
  CHECK(ends[0].exit_code == 2);
  CHECK(ends[1].exit_code == 2);
  CHECK_THAT(ends[0].err,
             ContainsSubstring("job 1 (jobs.yaml:2): ") && ContainsSubstring("1 of 3 jobs failed"));
  CHECK(ends[1].err.empty());
  CHECK(batch.made() == std::map<int, int>{{0, 1}, {2, 1}});
  fs::remove(batch.at() / "own");
  batch.run_well({kTwo[0], "--retry-failed"});
  CHECK(batch.made() == std::map<int, int>{{0, 1}, {1, 1}, {2, 1}});
  CHECK(batch.media() == whole.media());
}

TEST_CASE("groups of ranks share a list as shards do", "[e2e]") {
  if (skips_without_gloo()) return;
  const Batch whole(2), batch(4);
  whole.run_well();
  const auto ranks = batch.run_well();
  CHECK_THAT(ranks[0].out, ContainsSubstring("3 done"));
  CHECK_THAT(ranks[2].out, ContainsSubstring("3 done"));
  CHECK(ranks[1].out.empty());
  CHECK(ranks[3].out.empty());
  Media media = media_in(batch.at("shard-1-of-2"));
  media.merge(media_in(batch.folder_of(2) / "batch/jobs/shard-2-of-2"));
  CHECK(media == whole.media());
}

TEST_CASE("a group of ranks that ends leaves the others alone", "[e2e]") {
  if (skips_without_gloo()) return;
  const Batch batch(4);
  RankProcesses ranks = batch.start(kTwo);
  const fs::path journal = batch.folder_of(2) / "batch/jobs/shard-2-of-2/journal.jsonl";
  for (int tries = 0; tries < 30000 && lines_of(journal) < 1; ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  ranks[0].send(SIGKILL);
  const auto ends = ranks.finish();
  CHECK(ends[1].exit_code == 1);
  CHECK_THAT(ends[1].err, ContainsSubstring("rank 0"));
  for (const std::size_t other : {2, 3}) {
    INFO(ends[other].err);
    CHECK(ends[other].exit_code == 0);
  }
}

TEST_CASE("a launch that is no multiple of a group is refused by every rank of a batch", "[e2e]") {
  const Batch batch(3);
  for (const Finished& end : batch.run()) {
    CHECK(end.exit_code == 2);
    CHECK(is_one_line(end.err));
    CHECK_THAT(end.err,
               ContainsSubstring("infer.diffusion.cp_size=2: is groups of 2 ranks, torchrun "
                                 "has started 3: expected infer.diffusion.cp_size x "
                                 "cfg_size to be a divisor of that: 1, 3; or a launch of 2 "
                                 "or 4 ranks"));
  }
  CHECK_FALSE(fs::exists(batch.at()));
  const Batch alone(1);
  CHECK_THAT(chitu({"batch", "jobs.yaml", of_tiny_model(), kTwo[0]}, alone.folder_of(0)).err,
             ContainsSubstring("needs 2 ranks, this is one process; to start them: torchrun"));
}

TEST_CASE("ranks with another list, window or flag end before the batch begins", "[e2e]") {
  if (skips_without_gloo()) return;
  const Batch batch(2, "[a red circle, {prompt: a dog, seed: 7}]");
  const auto check = [&](const Words& of_last, const std::string& line) {
    for (const Finished& end : batch.run(kTwo, of_last)) {
      CHECK(end.exit_code == 2);
      CHECK(is_one_line(end.err));
      CHECK_THAT(end.err, ContainsSubstring("rank 1 differs from rank 0 in " + line));
    }
    CHECK_FALSE(fs::exists(batch.at()));
  };
  check({"batch.window=3"}, "batch.window: 3, not ");
  check({"--retry-failed"}, "--retry-failed: given, not not given");
  write_file(batch.folder_of(1) / "jobs.yaml", "[a red circle, {prompt: a dog, seed: 8}]");
  check({}, "job 1 (jobs.yaml:1): request.seed: 8, not 7");
  write_file(batch.folder_of(1) / "jobs.yaml", "[a red circle]");
  check({}, "the number of jobs: 1, not 2");
}

TEST_CASE("a list on standard input is for one process", "[e2e]") {
  const TemporaryFolder folder;
  for (const Finished& end :
       RankProcesses(2, {"batch", "-", of_tiny_model(), kTwo[0]}, folder.path()).finish()) {
    CHECK(end.exit_code == 2);
    CHECK(end.err.ends_with(
        "chitu batch -: standard input is for one process, torchrun has started 2: expected the "
        "list in a file, such as jobs.yaml\n"));
  }
}

}  // namespace
}  // namespace chitu::testing
