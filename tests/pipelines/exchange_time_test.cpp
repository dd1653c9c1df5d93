#include "pipelines/forecast/exchange_time.h"

#include "pipelines/forecast/time_model.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using device::ExchangeEpisode;
using device::Exchanges;
using device::RankExchange;
using Event = ExchangeEpisode::Event;
using Kind = Event::Kind;

RankLink link(double bandwidth, double latency_s = 0, bool shared = false) {
  return {.name = "a link", .bandwidth = bandwidth, .latency_s = latency_s, .shared = shared};
}

/// One host, whose ranks send 10 bytes a second.
RankLinks one_host() { return {.interconnect = link(10), .network = {}, .ranks_per_host = {}}; }

/// Hosts of so many ranks: 10 bytes a second within one, 1 between them.
RankLinks hosts_of(int ranks, bool shared) {
  return {.interconnect = link(10), .network = link(1, 0, shared), .ranks_per_host = ranks};
}

/// Every rank of a group sends so many bytes to each of the others.
RankExchange to_all(int world, int stride, int size, std::int64_t bytes) {
  std::vector<std::int64_t> each(static_cast<std::size_t>(size), bytes);
  each[0] = 0;
  return {world, stride, each, each};
}

/// Every rank of a group sends so many bytes to the next one.
RankExchange to_next(int world, int stride, int size, std::int64_t bytes) {
  std::vector<std::int64_t> sent(static_cast<std::size_t>(size)), received(sent);
  sent[1] = bytes;
  received.back() += bytes;
  return {world, stride, sent, received};
}

Exchanges once(const RankExchange& exchange) {
  return {{{{exchange}, {{Kind::begins, 0, 0}, {Kind::ends, 0, 0}}}, 1}};
}

TEST_CASE("an exchange takes its bytes by the bandwidth, and the latency of each message",
          "[pipelines]") {
  CHECK(seconds_of(to_all(4, 1, 4, 20), one_host()) == 3 * 20 / 10.0);
  RankLinks links = one_host();
  links.interconnect->latency_s = 0.5;
  CHECK(seconds_of(to_all(4, 1, 4, 20), links) == 6 + 3 * 0.5);
  CHECK(seconds_of(to_next(4, 1, 4, 20), links) == 2 + 0.5);
  CHECK(seconds_of(to_all(4, 1, 4, 0), links) == 0);  // nothing is sent of empty tensors
}

TEST_CASE("a rank sends and receives at the same time", "[pipelines]") {
  RankExchange uneven = to_all(2, 1, 2, 20);
  uneven.received[1] = 50;
  CHECK(seconds_of(uneven, one_host()) == 5);
}

TEST_CASE("a link that the ranks of a host share carries what all of them send", "[pipelines]") {
  RankLinks links = one_host();
  links.interconnect->shared = true;
  CHECK(seconds_of(to_all(4, 1, 4, 20), links) == 4 * 3 * 20 / 10.0);
  CHECK(seconds_of(to_all(4, 1, 2, 20), links) == 4 * 20 / 10.0);  // two groups of two
}

TEST_CASE("links that are not known take no time", "[pipelines]") {
  CHECK(seconds_of(to_all(4, 1, 4, 20), {}) == 0);
  RankLinks links = hosts_of(2, true);
  links.interconnect.reset();
  CHECK(seconds_of(to_all(4, 1, 2, 20), links) == 0);
  CHECK(seconds_of(to_all(4, 1, 4, 20), links) == 2 * 2 * 20);
}

TEST_CASE("ranks on several hosts use the link between hosts as far as they must", "[pipelines]") {
  SECTION("all to all: each of 4 ranks to 4 of the other host") {
    CHECK(seconds_of(to_all(8, 1, 8, 20), hosts_of(4, false)) == 4 * 20);
    CHECK(seconds_of(to_all(8, 1, 8, 20), hosts_of(4, true)) == 4 * 4 * 20);
  }
  SECTION("groups within a host") {
    CHECK(seconds_of(to_all(8, 1, 4, 20), hosts_of(4, true)) == 3 * 20 / 10.0);
  }
  SECTION("groups across hosts, as those of the guidance") {
    CHECK(seconds_of(to_all(8, 4, 2, 20), hosts_of(4, false)) == 20);
    CHECK(seconds_of(to_all(8, 4, 2, 20), hosts_of(4, true)) == 4 * 20);
  }
  SECTION("a ring of all ranks waits for the two links between hosts") {
    CHECK(seconds_of(to_next(8, 1, 8, 20), hosts_of(4, false)) == 20);
    CHECK(seconds_of(to_next(8, 1, 8, 20), hosts_of(4, true)) == 20);  // one of 4 ranks sends
    CHECK(seconds_of(to_next(8, 1, 8, 20), hosts_of(8, true)) == 2);
  }
  SECTION("a ring over rows of 2 ranks: 2 of 4 send to the other host") {
    CHECK(seconds_of(to_next(8, 2, 4, 20), hosts_of(4, true)) == 2 * 20);
  }
  SECTION("a host with fewer ranks has more to send elsewhere, for each of them") {
    CHECK(seconds_of(to_all(6, 1, 6, 20), hosts_of(4, false)) == 4 * 20);
    CHECK(seconds_of(to_all(6, 1, 6, 20), hosts_of(4, true)) == 4 * 2 * 20);
  }
  SECTION("a group that lies across two hosts where that of rank 0 does not") {
    CHECK(seconds_of(to_all(6, 1, 3, 20), hosts_of(4, false)) == 2 * 20);
  }
}

/// Two seconds of an exchange, with arithmetic beside it.
Exchanges beside(double flops) {
  return {{{{to_next(2, 1, 2, 20)},
            {{Kind::begins, 0, 0}, {Kind::computes, 0, flops}, {Kind::ends, 0, 0}}},
           3}};
}

TEST_CASE("arithmetic waits for what it does not hide", "[pipelines]") {
  const auto wait_s = [](double flops) {
    const ExchangeTime time = exchange_time(beside(flops), one_host(), 100);
    CHECK(time.busy_s == 3 * 2);
    return time.wait_s;
  };
  CHECK(wait_s(0) == 3 * 2);
  CHECK(wait_s(50) == 3 * 1.5);
  CHECK(wait_s(200) == 0);
  CHECK(wait_s(1e9) == 0);
  CHECK(exchange_time(once(to_next(2, 1, 2, 20)), one_host(), 100).wait_s == 2);
  CHECK(exchange_time(beside(1e9), one_host(), {}).wait_s == 3 * 2);  // no rate: takes no time
}

TEST_CASE("exchanges that are under way together follow one another", "[pipelines]") {
  const RankExchange exchange = to_next(2, 1, 2, 20);
  const Exchanges two{{{{exchange, exchange},
                        {{Kind::begins, 0, 0},
                         {Kind::begins, 1, 0},
                         {Kind::computes, 0, 300},
                         {Kind::ends, 0, 0},
                         {Kind::ends, 1, 0}}},
                       1}};
  const ExchangeTime time = exchange_time(two, one_host(), 100);
  CHECK(time.busy_s == 4);
  CHECK(time.wait_s == 1);
}

TEST_CASE("arithmetic does not wait for an exchange beside all else", "[pipelines]") {
  const Exchanges exchanges{{{{to_next(2, 1, 2, 20)}, {{Kind::begins, 0, 0}}}, 5}};
  const ExchangeTime time = exchange_time(exchanges, one_host(), 100);
  CHECK(time.busy_s == 10);
  CHECK(time.wait_s == 0);
}

DeviceProfile profile_with(const RankLinks& links) {
  DeviceProfile profile;
  profile.flops.bfloat16 = 100;
  profile.links = links;
  return profile;
}

TEST_CASE("waiting for exchanges adds to arithmetic, and hidden ones do not", "[pipelines]") {
  Work work;
  work.dtype = at::kBFloat16;
  work.use.flops = 1000;
  const auto time = [&](const Exchanges& exchanges) {
    work.use.exchanges = exchanges;
    return least_time(work, profile_with(one_host()));
  };
  CHECK(time({}).total_s == 10);
  CHECK(time(beside(200)).total_s == 10);
  CHECK(time(beside(50)).total_s == 10 + 4.5);
  CHECK(time(beside(50)).bound_by == "arithmetic");
  const LeastTime slow = time(once(to_next(2, 1, 2, 200)));
  CHECK(slow.total_s == 10 + 20);
  CHECK(slow.exchange_s == 20);
  CHECK(slow.exchange_wait_s == 20);
  CHECK(slow.bound_by == "exchange");
}

TEST_CASE("an exchange beside all else takes as long as its links need", "[pipelines]") {
  Work work;
  work.dtype = at::kBFloat16;
  work.use.flops = 100;
  work.use.exchanges = {{{{to_next(2, 1, 2, 20)}, {{Kind::begins, 0, 0}}}, 5}};
  const LeastTime time = least_time(work, profile_with(one_host()));
  CHECK(time.total_s == 10);
  CHECK(time.bound_by == "exchange");
}

}  // namespace
}  // namespace chitu::pipelines
