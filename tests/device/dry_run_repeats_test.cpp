#include "chitu_core/device/dry_run_repeats.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <vector>

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"
#include "tests/support/dry_run_use.h"

namespace chitu::device {
namespace {

using Catch::ContainsSubstring;
using testing::check_same;

at::Tensor bytes_of(std::int64_t count, c10::Device device) {
  return at::empty({count}, at::TensorOptions().dtype(at::kByte).device(device));
}
at::Tensor on_device(std::int64_t bytes) { return bytes_of(bytes, DryRun::device()); }

/// What the work uses, and how often one of its parts was done.
struct Counts {
  DryRunUse use;
  int done = 0;
};

template <class Work>
Counts count(Repetition repetition, const Work& work) {
  const c10::InferenceMode inference;
  const DryRun dry_run({}, repetition);
  Counts counts;
  work(counts.done);
  counts.use = dry_run.use();
  return counts;
}

/// Does the work in dry runs of both kinds. Returns how often its parts were done in the counting
/// one.
template <class Work>
int parts_done(const Work& work) {
  const Counts counted = count(Repetition::counted, work), done = count(Repetition::done, work);
  check_same(counted.use, done.use);
  CHECK(counted.done <= done.done);
  return counted.done;
}

TEST_CASE("repeated work in a dry run is done once, then counted with all its effects",
          "[device]") {
  const auto ten_times = [](int& done) {
    const at::Tensor held = on_device(100);
    DryRunRepeats repeats;
    for (int i = 0; i < 10; ++i)
      repeats.run({3}, [&] {
        ++done;
        const at::Tensor host = bytes_of(40, DryRun::host());
        const at::Tensor moved = on_device(40).copy_(host);
        host.copy_(moved);
        count_disk_read(7);
        const at::Tensor matrix = at::empty({8, 8}, at::TensorOptions().device(DryRun::device()));
        at::mm(matrix, matrix);
      });
  };
  CHECK(parts_done(ten_times) == 1);
}

TEST_CASE("work of every kind is done once", "[device]") {
  const auto two_kinds = [](int& done) {
    DryRunRepeats repeats;
    for (int i = 0; i < 10; ++i)
      repeats.run({i % 2}, [&] {
        ++done;
        on_device(10 + i % 2);
      });
  };
  CHECK(parts_done(two_kinds) == 2);
}

TEST_CASE("counted work adds to the bytes held at that time", "[device]") {
  const auto growing = [](int& done) {
    DryRunRepeats repeats;
    std::vector<at::Tensor> held;
    for (int i = 0; i < 5; ++i) {
      repeats.run({}, [&] {
        ++done;
        on_device(1000);
      });
      held.push_back(on_device(10));
    }
  };
  CHECK(parts_done(growing) == 1);
  CHECK(count(Repetition::counted, growing).use.peak_device == 1040);
}

TEST_CASE("work that changes the bytes held is done every time", "[device]") {
  const auto keeping = [](int& done) {
    DryRunRepeats repeats;
    std::vector<at::Tensor> held;
    for (int i = 0; i < 5; ++i)
      repeats.run({}, [&] {
        ++done;
        held.push_back(on_device(10));
      });
  };
  CHECK(parts_done(keeping) == 5);
}

TEST_CASE("counted work must change the bytes held by exactly what its skip changes", "[device]") {
  const auto keeping = [](std::int64_t skipped) {
    return [skipped](int& done) {
      DryRunRepeats repeats;
      std::vector<at::Tensor> held;
      const auto work = [&] {
        ++done;
        on_device(50);
        held.push_back(on_device(10));
      };
      const auto skip = [&] {
        held.push_back(skipped == 10 ? dry_run_twin(held.back()) : on_device(skipped));
      };
      for (int i = 0; i < 5; ++i) repeats.run({}, work, skip);
    };
  };
  CHECK(parts_done(keeping(10)) == 1);
  CHECK_THROWS_WITH(
      count(Repetition::counted, keeping(11)),
      ContainsSubstring("changed the bytes held by 10 on the device and 0 on the host, but by 11"));
}

TEST_CASE("the work that first reaches the watched bytes is done, and named", "[device]") {
  const c10::InferenceMode inference;
  const auto peak_of = [](Repetition repetition) {
    DryRun dry_run({}, repetition);
    dry_run.watch(1030);
    DryRunRepeats repeats;
    std::vector<at::Tensor> held;
    for (int i = 0; i < 6; ++i) {
      const DryRunPart part("part " + std::to_string(i));
      repeats.run(
          {},
          [&] {
            on_device(1000);
            held.push_back(on_device(10));
          },
          [&] { held.push_back(dry_run_twin(held.back())); });
    }
    held.clear();
    return dry_run.peak();
  };
  const DryRunPeak counted = peak_of(Repetition::counted), done = peak_of(Repetition::done);
  CHECK(counted.where == "part 3");
  CHECK(counted.where == done.where);
  CHECK(counted.made_by == done.made_by);
  REQUIRE(counted.held.size() == done.held.size());
  for (std::size_t i = 0; i < done.held.size(); ++i) {
    CHECK(counted.held[i].bytes == done.held[i].bytes);
    CHECK(counted.held[i].where == done.held[i].where);
    CHECK(counted.held[i].made_by == done.held[i].made_by);
  }
}

TEST_CASE("of runs of equal length the first is done, and the shorter last one", "[device]") {
  const auto [total, most, runs] = GENERATE(table<std::int64_t, std::int64_t, int>(
      {{0, 4, 0}, {3, 4, 1}, {4, 4, 1}, {8, 4, 1}, {9, 4, 2}, {1000001, 10, 2}, {7, 1, 1}}));
  CAPTURE(total, most);
  std::int64_t covered = 0;
  const auto in_runs = [&, total = total, most = most](int& done) {
    for_runs(total, most, [&](std::int64_t, std::int64_t count) {
      ++done;
      on_device(count);
    });
  };
  CHECK(parts_done(in_runs) == runs);
  for_runs(total, most, [&](std::int64_t start, std::int64_t count) {
    CHECK(start == covered);
    covered += count;
  });
  CHECK(covered == total);  // a real run does all of them
  const auto keeping = [](int&) {
    std::vector<at::Tensor> held;
    for_runs(2, 1, [&](std::int64_t, std::int64_t) { held.push_back(on_device(1)); });
  };
  CHECK_THROWS_WITH(count(Repetition::counted, keeping),
                    ContainsSubstring("changed the bytes held"));
}

TEST_CASE("a real run does all the work, in order", "[device]") {
  DryRunRepeats repeats;
  std::vector<int> done;
  for (int i = 0; i < 3; ++i)
    repeats.run({}, [&] { done.push_back(i); }, [] { FAIL("a run skips nothing"); });
  CHECK(done == std::vector<int>{0, 1, 2});
}

}  // namespace
}  // namespace chitu::device
