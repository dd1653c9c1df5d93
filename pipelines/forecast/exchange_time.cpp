#include "pipelines/forecast/exchange_time.h"

#include <algorithm>
#include <vector>

namespace chitu::pipelines {
namespace {

using device::ExchangeEpisode;
using device::RankExchange;

/// What goes over one link, or over that of one rank.
struct Load {
  double sent = 0, received = 0;
  int messages_out = 0, messages_in = 0;

  void add(std::int64_t out, std::int64_t in) {
    sent += static_cast<double>(out);
    received += static_cast<double>(in);
    messages_out += out > 0;
    messages_in += in > 0;
  }
  void add(const Load& other) {
    sent += other.sent;
    received += other.received;
    messages_out = std::max(messages_out, other.messages_out);
    messages_in = std::max(messages_in, other.messages_in);
  }
  double seconds(const RankLink& link) const {
    const double bytes = std::max(sent, received);
    return std::max(messages_out, messages_in) * link.latency_s +
           (link.bandwidth ? bytes / *link.bandwidth : 0);
  }
};

/// The loads of a rank within its host and between hosts.
struct RankLoad {
  Load inside, outside;
};

/// The rank so many places further on in the group of `rank`.
int neighbour(const RankExchange& exchange, int rank, int distance) {
  const int stride = exchange.stride, size = exchange.size();
  const int index = rank / stride % size;
  return rank + ((index + distance) % size - index) * stride;
}

RankLoad load_of(const RankExchange& exchange, const RankLinks& links, int rank) {
  RankLoad load;
  for (int distance = 1; distance < exchange.size(); ++distance) {
    const int peer = neighbour(exchange, rank, distance);
    const auto at = static_cast<std::size_t>(distance);
    (links.host_of(peer) == links.host_of(rank) ? load.inside : load.outside)
        .add(exchange.sent[at], exchange.received[at]);
  }
  return load;
}

/// The longest time over links of one kind.
double slowest(const std::optional<RankLink>& link, const std::vector<Load>& of_ranks,
               const RankLinks& links) {
  if (!link) return 0;
  std::vector<Load> loads = of_ranks;
  if (link->shared) {
    loads.assign(static_cast<std::size_t>(links.host_of(static_cast<int>(of_ranks.size()) - 1)) + 1,
                 {});
    for (std::size_t rank = 0; rank < of_ranks.size(); ++rank)
      loads[static_cast<std::size_t>(links.host_of(static_cast<int>(rank)))].add(of_ranks[rank]);
  }
  double longest = 0;
  for (const Load& load : loads) longest = std::max(longest, load.seconds(*link));
  return longest;
}

/// Follows an episode: the links work on one exchange at a time, in the order in which they begin.
class Clock {
 public:
  Clock(const RankLinks& links, const std::optional<double>& flops_rate)
      : links_(links), flops_rate_(flops_rate) {}

  ExchangeTime follow(const ExchangeEpisode& episode) {
    for (const auto& event : episode.events) happens(event, episode);
    return time_;
  }

 private:
  using Kind = ExchangeEpisode::Event::Kind;

  void happens(const ExchangeEpisode::Event& event, const ExchangeEpisode& episode) {
    if (event.kind == Kind::begins) return begin(episode.exchanges[event.exchange]);
    if (event.kind == Kind::computes) {
      if (flops_rate_) now_ += event.flops / *flops_rate_;
      return;
    }
    const double wait_s = std::max(0.0, ends_[event.exchange] - now_);
    time_.wait_s += wait_s;
    now_ += wait_s;
  }
  void begin(const RankExchange& exchange) {
    const double seconds = seconds_of(exchange, links_);
    free_at_ = std::max(free_at_, now_) + seconds;
    ends_.push_back(free_at_);
    time_.busy_s += seconds;
  }

  const RankLinks& links_;
  const std::optional<double>& flops_rate_;
  double now_ = 0, free_at_ = 0;
  std::vector<double> ends_;  ///< of each exchange
  ExchangeTime time_;
};

}  // namespace

double seconds_of(const RankExchange& exchange, const RankLinks& links) {
  std::vector<Load> inside, outside;
  for (int rank = 0; rank < exchange.world; ++rank) {
    const RankLoad load = load_of(exchange, links, rank);
    inside.push_back(load.inside);
    outside.push_back(load.outside);
  }
  return std::max(slowest(links.interconnect, inside, links),
                  slowest(links.network, outside, links));
}

ExchangeTime exchange_time(const device::Exchanges& exchanges, const RankLinks& links,
                           const std::optional<double>& flops_rate) {
  ExchangeTime sum;
  for (const auto& [episode, count] : exchanges) {
    const ExchangeTime once = Clock(links, flops_rate).follow(episode);
    sum.busy_s += static_cast<double>(count) * once.busy_s;
    sum.wait_s += static_cast<double>(count) * once.wait_s;
  }
  return sum;
}

}  // namespace chitu::pipelines
