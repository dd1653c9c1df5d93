#include "tools/chitu/regress/time_rounds.h"

#include <map>

#include "tests/support/catch.h"

namespace chitu::tools {
namespace {

using Catch::Approx;

/// Cases that take given seconds, one after another; the last again and again.
struct Clock {
  std::map<std::size_t, std::vector<double>> seconds;
  std::map<std::size_t, std::size_t> runs{};

  TimeCase timer() {
    return [this](std::size_t i) {
      const auto& all = seconds.at(i);
      return all[std::min(runs[i]++, all.size() - 1)];
    };
  }
};

TEST_CASE("a case within (record + 0.05 s) x 1.1 takes one round", "[regress]") {
  Clock clock{{{0, {1.0}}, {1, {2.25}}}};  // at most (2 + 0.05) x 1.1 = 2.255
  const auto results = judge_times({{1, 0, 2.0}}, clock.timer());
  CHECK_FALSE(results[0].slow);
  CHECK(results[0].rounds == 1);
  CHECK(results[0].limit == Approx(2.255));
  CHECK(clock.runs[0] == 1);
}

TEST_CASE("the 0.05 s weigh more where the reference is short", "[regress]") {
  Clock clock{{{0, {0.1}}, {1, {0.27}}}};  // at most (2 + 0.5) x 1.1 = 2.75
  CHECK(judge_times({{1, 0, 2.0}}, clock.timer())[0].limit == Approx(2.75));
  Clock slow{{{0, {0.1}}, {1, {0.28}}}};
  CHECK(judge_times({{1, 0, 2.0}}, slow.timer())[0].slow);
}

TEST_CASE("only cases that are still slow run again, at most five rounds", "[regress]") {
  Clock clock{{{0, {1.0}}, {1, {2.0}}, {2, {9.0, 9.0, 2.0}}, {3, {9.0}}}};
  const auto results = judge_times({{1, 0, 2.0}, {2, 0, 2.0}, {3, 0, 2.0}}, clock.timer());
  CHECK(clock.runs == std::map<std::size_t, std::size_t>{{0, 5}, {1, 1}, {2, 3}, {3, 5}});
  CHECK_FALSE(results[1].slow);
  CHECK(results[2].slow);
  CHECK(results[2].rounds == kTimeRounds);
}

TEST_CASE("a reference runs once a round, whatever its cases", "[regress]") {
  Clock clock{{{0, {1.0}}, {1, {2.0}}, {2, {3.0}}}};
  CHECK(measure_ratios({{1, 0}, {2, 0}}, clock.timer()) == std::vector<double>{2, 3});
  CHECK(clock.runs[0] == kTimeRounds);
}

TEST_CASE("the median of five rounds is recorded", "[regress]") {
  Clock clock{{{0, {1.0}}, {1, {9, 2, 1, 3, 8}}}};
  CHECK(measure_ratios({{1, 0}}, clock.timer()) == std::vector<double>{3});
}

}  // namespace
}  // namespace chitu::tools
