#include <filesystem>
#include <string>
#include <vector>

#include "chitu_core/common/files.h"
#include "tests/ranks/rank_processes.h"
#include "tests/support/temporary_folder.h"

namespace chitu::testing {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

/// Cases of the tiny model; each rank has them in a folder of its own, as if on another host.
class Cases {
 public:
  explicit Cases(const std::string& degrees, std::size_t ranks = 2) {
    for (std::size_t rank = 0; rank < ranks; ++rank) {
      folders_.push_back(folder_ / ("rank" + std::to_string(rank)));
      fs::create_directory(folders_.back());
    }
    write(degrees);
  }

  void write(const std::string& degrees) const {
    for (const fs::path& folder : folders_)
      write_file(folder / "cases.yaml",
                 "records: records\n"
                 "defaults:\n"
                 "  overrides: [" +
                     of_tiny_model() +
                     ", device=sim, request.width=32, request.height=32, request.num_frames=5, "
                     "request.num_inference_steps=2, infer.diffusion.timeout_s=20, " +
                     degrees +
                     "]\n"
                     "  prompt: a cat\n"
                     "cases:\n"
                     "  - name: zero\n"
                     "  - name: three\n"
                     "    overrides: [infer.diffusion.low_mem_level=3]\n");
  }

  std::vector<Finished> on_ranks(const std::string& action, const Words& more = {}) const {
    Words words{"regress", action, "cases.yaml"};
    words.insert(words.end(), more.begin(), more.end());
    return RankProcesses(words, folders_).finish();
  }
  Finished alone(const std::string& action) const {
    return chitu({"regress", action, "cases.yaml"}, folders_[0]);
  }
  std::string record() const { return read_file(folders_[0] / "records/zero.yaml"); }
  /// Whether the second rank has left anything but its cases.
  bool others_wrote() const { return std::distance(fs::directory_iterator(folders_[1]), {}) != 1; }

 private:
  TemporaryFolder folder_;
  std::vector<fs::path> folders_;
};

const std::string kTwo = "infer.diffusion.cp_size=2", kBranches = "infer.diffusion.cfg_size=2",
                  kOne = "infer.diffusion.cp_size=1";

void check_codes(const std::vector<Finished>& ranks, int code) {
  for (const Finished& rank : ranks) {
    INFO(rank.out << rank.err);
    CHECK(rank.exit_code == code);
  }
}

TEST_CASE("ranks run cases together; the first one compares, writes and prints", "[e2e]") {
  if (skips_without_gloo()) return;
  const Cases cases(kTwo);
  const auto recorded = cases.on_ranks("record");
  check_codes(recorded, 0);
  CHECK(recorded[0].out == "records/zero.yaml\nrecords/three.yaml\n");
  CHECK_THAT(cases.record(), ContainsSubstring("ranks: cp_size 2, cfg_size 1, up null, auto"));
  const auto run = cases.on_ranks("run");
  check_codes(run, 0);
  CHECK_THAT(run[0].out, ContainsSubstring("2 cases: 2 passed"));
  CHECK(cases.on_ranks("update")[0].out == "zero: unchanged\nthree: unchanged\n");
  CHECK(run[1].out.empty());
  CHECK(run[1].err.empty());
  CHECK_FALSE(cases.others_wrote());
}

TEST_CASE("a record of other ranks is compared by tolerance, and the report says so", "[e2e]") {
  if (skips_without_gloo()) return;
  const Cases cases(kTwo);
  check_codes(cases.on_ranks("record"), 0);
  cases.write(kBranches);
  const auto branches = cases.on_ranks("run");
  check_codes(branches, 0);
  CHECK_THAT(
      branches[0].out,
      ContainsSubstring("memory, bytes and loads are not compared: the record is of ranks of "
                        "cp_size 2, cfg_size 1, up null, auto, this run is of ranks of "
                        "cp_size 1, cfg_size 2, up null, auto"));
  cases.write(kOne);
  const Finished one = cases.alone("run");
  CHECK(one.exit_code == 0);
  CHECK_THAT(one.out, ContainsSubstring("this run is of one process"));
}

TEST_CASE("a case that is worse than its record fails on all ranks", "[e2e]") {
  if (skips_without_gloo()) return;
  const Cases cases(kTwo);
  check_codes(cases.on_ranks("record"), 0);
  cases.write(kTwo + ", request.num_frames=9");
  const auto run = cases.on_ranks("run");
  check_codes(run, 1);
  CHECK_THAT(run[0].out, ContainsSubstring("9 frames of 32x32, the record has 5"));
}

TEST_CASE("cases whose degrees do not fit the launch are refused by name", "[e2e]") {
  const Cases cases(kTwo, 3);
  for (const Finished& rank : cases.on_ranks("record")) {
    CHECK(rank.exit_code == 2);
    CHECK(is_one_line(rank.err));
    CHECK_THAT(rank.err, ContainsSubstring("case zero: infer.diffusion.cp_size=2: is 2 ranks, "
                                           "torchrun has started 3"));
  }
  const Finished alone = cases.alone("record");
  CHECK(alone.exit_code == 2);
  CHECK_THAT(alone.err, ContainsSubstring("case zero: infer.diffusion.cp_size=2: needs 2 ranks") &&
                            ContainsSubstring("torchrun --no-python --nproc_per_node=2 "));
}

}  // namespace
}  // namespace chitu::testing
