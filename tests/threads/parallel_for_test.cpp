#include "chitu_core/threads/parallel_for.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <atomic>
#include <latch>
#include <stdexcept>
#include <thread>
#include <vector>

#include "chitu_core/threads/side_by_side.h"
#include "tests/support/catch.h"

namespace chitu::threads {
namespace {

/// Sets the number of libtorch's threads until the end of a test.
class Threads {
 public:
  explicit Threads(int count) : before_(at::get_num_threads()) { at::set_num_threads(count); }
  ~Threads() { at::set_num_threads(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_;
};

TEST_CASE("a parallel loop computes on as many threads as libtorch") {
  for (const int count : {2, 3}) {
    const Threads threads(count);
    std::latch all_here(count);  // passed only if so many calls run at once
    std::atomic<std::int64_t> visited{0};
    parallel_for(0, 10 * count, 10, [&](std::int64_t begin, std::int64_t end) {
      visited += end - begin;
      all_here.arrive_and_wait();
    });
    CHECK(visited == 10 * count);
  }
}

TEST_CASE("a parallel loop keeps to the grain, and does not nest") {
  const Threads threads(3);
  std::atomic<int> calls{0}, inner{0};
  parallel_for(0, 20, 10, [&](std::int64_t begin, std::int64_t end) {
    if (end - begin == 10) ++calls;  // Catch2's assertions are for one thread
    parallel_for(0, 100, 1, [&](std::int64_t, std::int64_t) { ++inner; });
  });
  CHECK(calls == 2);
  CHECK(inner == 2);
}

TEST_CASE("a parallel loop throws what a part throws") {
  const Threads threads(2);
  CHECK_THROWS_AS(parallel_for(0, 2, 1,
                               [](std::int64_t begin, std::int64_t) {
                                 if (begin == 1) throw std::runtime_error("part");
                               }),
                  std::runtime_error);
}

TEST_CASE("work side by side has the bits of work on one thread, whatever the threads") {
  const c10::InferenceMode inference;
  const at::Tensor weight = at::randn({96, 512}), x = at::randn({7, 48, 512});
  const auto compute = [&](bool at_once, std::int64_t count) {
    std::vector<at::Tensor> results(static_cast<std::size_t>(count));
    std::atomic<bool> alone{true};
    side_by_side(at_once, count, [&](std::int64_t i) {
      if (at::get_num_threads() != 1) alone = false;
      results[static_cast<std::size_t>(i)] = at::linear(x[i], weight).softmax(-1);
    });
    CHECK(alone);
    return results;
  };
  const auto expected = compute(false, 7);
  for (const int count : {1, 2, 3}) {
    const Threads threads(count);
    const auto together = compute(true, 7);
    for (std::size_t i = 0; i < 7; ++i) CHECK(together[i].equal(expected[i]));
    CHECK(compute(true, 1)[0].equal(expected[0]));
    CHECK(at::get_num_threads() == count);
  }
}

TEST_CASE("calls side by side run at once") {
  const Threads threads(2);
  std::latch both_here(2);
  side_by_side(true, 2, [&](std::int64_t) { both_here.arrive_and_wait(); });
}

}  // namespace
}  // namespace chitu::threads
