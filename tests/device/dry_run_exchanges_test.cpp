#include "chitu_core/device/dry_run_exchanges.h"

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/dry_run_repeats.h"
#include "tests/support/catch.h"

namespace chitu::device {
namespace {

/// Those of `after` that are not among those of `before`.
Exchanges difference(Exchanges after, const Exchanges& before) {
  add(after, before, -1);
  return after;
}

using Kind = ExchangeEpisode::Event::Kind;

RankExchange of_bytes(std::int64_t bytes) { return {2, 1, {0, bytes}, {0, bytes}}; }

void exchange(std::int64_t bytes) { end_exchange(begin_exchange(of_bytes(bytes))); }

TEST_CASE("a dry run counts exchanges and their bytes", "[device]") {
  const DryRun dry_run({});
  exchange(5);
  exchange(5);
  exchange(7);
  const DryRunUse use = dry_run.use();
  CHECK(use.sent == 17);
  CHECK(use.exchanges.size() == 2);
  const ExchangeEpisode five{{of_bytes(5)}, {{Kind::begins, 0, 0}, {Kind::ends, 0, 0}}};
  REQUIRE(use.exchanges.contains(five));
  CHECK(use.exchanges.at(five) == 2);
}

TEST_CASE("exchanges that overlap are one episode, in the order in which they begin and end",
          "[device]") {
  const DryRun dry_run({});
  const std::size_t first = begin_exchange(of_bytes(5)), second = begin_exchange(of_bytes(7));
  end_exchange(first);
  end_exchange(second);
  exchange(9);
  const DryRunUse use = dry_run.use();
  CHECK(use.exchanges.size() == 2);
  CHECK(use.exchanges.contains(
      {{of_bytes(5), of_bytes(7)},
       {{Kind::begins, 0, 0}, {Kind::begins, 1, 0}, {Kind::ends, 0, 0}, {Kind::ends, 1, 0}}}));
}

TEST_CASE("an exchange beside all else is counted without a wait", "[device]") {
  const DryRun dry_run({});
  const std::size_t waited = begin_exchange(of_bytes(5));
  count_exchange_beside(of_bytes(7));
  end_exchange(waited);
  const DryRunUse use = dry_run.use();
  CHECK(use.sent == 12);
  CHECK(use.exchanges.contains({{of_bytes(7)}, {{Kind::begins, 0, 0}}}));
}

TEST_CASE("repeated work repeats its exchanges", "[device]") {
  const DryRun dry_run({});
  DryRunRepeats repeats;
  for (int i = 0; i < 10; ++i) repeats.run({}, [] { exchange(5); });
  const DryRunUse use = dry_run.use();
  CHECK(use.sent == 50);
  REQUIRE(use.exchanges.size() == 1);
  CHECK(use.exchanges.begin()->second == 10);
}

TEST_CASE("the difference of two counts has what came between them", "[device]") {
  const DryRun dry_run({});
  exchange(5);
  const Exchanges before = dry_run.use().exchanges;
  exchange(5);
  exchange(7);
  const Exchanges between = difference(dry_run.use().exchanges, before);
  CHECK(between.size() == 2);
  for (const auto& [episode, count] : between) CHECK(count == 1);
  CHECK(difference(before, before).empty());
}

TEST_CASE("outside a dry run, nothing is counted", "[device]") {
  exchange(5);
  count_exchange_beside(of_bytes(5));
  const DryRun dry_run({});
  CHECK(dry_run.use().exchanges.empty());
}

}  // namespace
}  // namespace chitu::device
