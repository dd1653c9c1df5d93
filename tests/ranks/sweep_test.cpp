#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/common/files.h"
#include "tests/ranks/rank_processes.h"
#include "tests/support/temporary_folder.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

/// Two ranks in folders of their own.
struct Sweep {
  Sweep() : folders{folder / "rank0", folder / "rank1"} {
    for (const fs::path& one : folders) fs::create_directory(one);
  }
  std::vector<Finished> run(const Words& more) const {
    Words words = tiny_run({"device=cpu", "infer.diffusion.timeout_s=20", "--multirun",
                            "hydra.sweep.dir=sweep", "output.format=frames"});
    words.insert(words.end(), more.begin(), more.end());
    return RankProcesses(words, folders).finish();
  }
  fs::path at(const std::string& name) const { return folders[0] / "sweep" / name; }

  TemporaryFolder folder;
  std::vector<fs::path> folders;
};

void check_codes(const std::vector<Finished>& ranks, int code) {
  for (const Finished& rank : ranks) {
    INFO(rank.out << rank.err);
    CHECK(rank.exit_code == code);
  }
}

TEST_CASE("ranks do the jobs of a sweep together, with degrees of their own", "[e2e]") {
  if (skips_without_gloo()) return;
  const Sweep sweep;
  const auto ranks = sweep.run(
      {"infer.diffusion.cp_size=2", "infer.diffusion.cp_backend=ring,ulysses", "seed=1,2"});
  check_codes(ranks, 0);
  CHECK_THAT(ranks[0].err, ContainsSubstring("4 jobs: 4 done"));
  CHECK(ranks[1].out.empty());
  CHECK(ranks[1].err.empty());
  CHECK(fs::is_empty(sweep.folders[1]));
  for (const char* job : {"0", "1", "2", "3"}) {
    const auto metrics = nlohmann::json::parse(read_file(sweep.at(job) / "metrics.json"));
    CHECK(metrics.at("status") == "done");
    CHECK(metrics.at("parallel").at("ranks") == 2);
  }
  // The same command with hydra.sweep.resume=true has nothing left to do.
  const auto again =
      sweep.run({"infer.diffusion.cp_size=2", "infer.diffusion.cp_backend=ring,ulysses", "seed=1,2",
                 "hydra.sweep.resume=true"});
  check_codes(again, 0);
  CHECK_THAT(again[0].err, ContainsSubstring("4 jobs: 4 done before"));
}

TEST_CASE("a job of a sweep that fails on one rank leaves the ranks to the next", "[e2e]") {
  if (skips_without_gloo()) return;
  const Sweep sweep;
  fs::create_directories(sweep.folders[0] / "sweep");
  write_file(sweep.folders[0] / "sweep/1", "in the way");
  const auto ranks = sweep.run({"infer.diffusion.cp_size=2", "seed=1,2,3"});
  check_codes(ranks, 2);
  CHECK_THAT(ranks[0].err, ContainsSubstring("is a file, not a folder") &&
                               ContainsSubstring("3 jobs: 2 done, 1 failed"));
  CHECK(fs::exists(sweep.at("2") / "metrics.json"));
}

TEST_CASE("a sweep whose jobs need other numbers of ranks is refused by name", "[e2e]") {
  if (skips_without_gloo()) return;
  const Sweep sweep;
  for (const Finished& rank : sweep.run({"infer.diffusion.cp_size=2,1"})) {
    CHECK(rank.exit_code == 2);
    CHECK_THAT(rank.err, ContainsSubstring("job #1: infer.diffusion.cp_size=1") &&
                             ContainsSubstring("is 1 rank, torchrun has started 2"));
  }
  for (const Finished& rank :
       sweep.run({"infer.diffusion.cp_size=2", "seed=1,2", "hydra/launcher=process"})) {
    CHECK(rank.exit_code == 2);
    CHECK(is_one_line(rank.err));
    CHECK_THAT(rank.err, ContainsSubstring("hydra/launcher=process: starts processes of its own, "
                                           "torchrun has started 2 that do each job together: "
                                           "expected hydra/launcher=basic"));
  }
  CHECK(fs::is_empty(sweep.folders[0]));
}

}  // namespace
}  // namespace chitu::testing
