#include "chitu_core/parallel/degrees.h"

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"

namespace chitu::parallel {
namespace {

ParallelOptions options(int cp_size, int cfg_size, int up = 0, std::string backend = "auto") {
  return {.cp_size = cp_size,
          .up = up,
          .cfg_size = cfg_size,
          .backend = std::move(backend),
          .groups = {}};
}

Launch launch(int size) {
  return {.launcher = "torchrun", .size = size, .address = "a", .port = 1};
}

std::string refusal(const ParallelOptions& asked, int launched) {
  try {
    check_world(asked, launch(launched), "chitu run x=1");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("the ranks of a launch are cp_size times cfg_size", "[parallel]") {
  CHECK(refusal(options(1, 1), 1).empty());
  CHECK(refusal(options(3, 2), 6).empty());
}

TEST_CASE("another number of ranks is refused with sizes that work", "[parallel]") {
  CHECK(
      refusal(options(3, 1), 4) ==
      "infer.diffusion.cp_size=3: is 3 ranks, torchrun has started 4: expected "
      "infer.diffusion.cp_size=4, or infer.diffusion.cp_size=2 and infer.diffusion.cfg_size=2, or "
      "a launch of 3 ranks");
  CHECK(
      refusal(options(1, 2), 4) ==
      "infer.diffusion.cfg_size=2: is 2 ranks, torchrun has started 4: expected "
      "infer.diffusion.cp_size=2 and infer.diffusion.cfg_size=2, or infer.diffusion.cp_size=4, or "
      "a launch of 2 ranks");
  CHECK(refusal(options(1, 1), 2) ==
        "infer.diffusion.cp_size=1: is 1 rank, torchrun has started 2: expected "
        "infer.diffusion.cp_size=2, or infer.diffusion.cfg_size=2, or a launch of 1 rank");
  CHECK(
      refusal(options(2, 2), 5) ==
      "infer.diffusion.cp_size=2 and infer.diffusion.cfg_size=2: is 4 ranks, torchrun has started "
      "5: expected infer.diffusion.cp_size=5, or a launch of 4 ranks");
}

TEST_CASE("groups of ranks fill a launch", "[parallel]") {
  const auto said = [](const ParallelOptions& asked, int launched) -> std::string {
    try {
      check_groups_of_ranks(asked, launch(launched), "chitu batch jobs.yaml");
    } catch (const InputError& error) {
      return error.what();
    }
    return "";
  };
  CHECK(said(options(1, 1), 5).empty());
  CHECK(said(options(2, 1), 6).empty());
  CHECK(said(options(2, 2), 4).empty());
  CHECK(said(options(2, 2), 6) ==
        "infer.diffusion.cp_size=2 and infer.diffusion.cfg_size=2: is groups of 4 ranks, torchrun "
        "has started 6: expected infer.diffusion.cp_size x cfg_size to be a divisor of that: 1, 2, "
        "3, 6; or a launch of 4 or 8 ranks");
  CHECK(said(options(3, 1), 2) ==
        "infer.diffusion.cp_size=3: is groups of 3 ranks, torchrun has started 2: expected "
        "infer.diffusion.cp_size x cfg_size to be a divisor of that: 1, 2; or a launch of 3 ranks");
  CHECK(said(options(2, 1), 1) ==
        "infer.diffusion.cp_size=2: needs 2 ranks, this is one process; to start them: torchrun "
        "--no-python --nproc_per_node=2 chitu batch jobs.yaml");
}

TEST_CASE("ranks without a launcher are refused with the command that starts them", "[parallel]") {
  CHECK(refusal(options(2, 2), 1) ==
        "infer.diffusion.cp_size=2 and infer.diffusion.cfg_size=2: needs 4 ranks, this is one "
        "process; to start them: torchrun --no-python --nproc_per_node=4 chitu run x=1");
}

TEST_CASE("a Ulysses degree fits cp_size and the backend", "[parallel]") {
  CHECK_NOTHROW(check_degrees(options(6, 1, 3)));
  CHECK_NOTHROW(check_degrees(options(4, 2, 4, "ulysses")));
  CHECK_NOTHROW(check_degrees(options(4, 1, 1, "ring")));
  CHECK_THROWS_WITH(
      check_degrees(options(6, 1, 4)),
      "infer.diffusion.up=4: expected a divisor of infer.diffusion.cp_size=6: 1, 2, 3, 6");
  CHECK_THROWS_WITH(
      check_degrees(options(4, 1, 2, "ulysses")),
      "infer.diffusion.up=2: expected 4 or null with infer.diffusion.cp_backend=ulysses");
  CHECK_THROWS_WITH(
      check_degrees(options(4, 1, 2, "ring")),
      "infer.diffusion.up=2: expected 1 or null with infer.diffusion.cp_backend=ring");
  CHECK_THROWS_WITH(
      check_degrees(options(4, 1, 2, "allgather")),
      "infer.diffusion.up=2: expected null with infer.diffusion.cp_backend=allgather");
}

}  // namespace
}  // namespace chitu::parallel
