#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <vector>

namespace chitu::device {

/// One exchange of tensors between the ranks of a group, seen from one of them. All ranks of the
/// world take part in groups of this shape: consecutive blocks of stride * size ranks, in each of
/// which ranks that are `stride` apart form a group.
struct RankExchange {
  int world = 1;   ///< ranks of the launch
  int stride = 1;  ///< between neighbours of a group
  /// Bytes to, and from, the rank so many places further on in the group, beyond whose last rank
  /// comes the first; as many as the group has ranks.
  std::vector<std::int64_t> sent, received;

  int size() const { return static_cast<int>(sent.size()); }
  std::int64_t sent_bytes() const;
  std::strong_ordering operator<=>(const RankExchange&) const = default;
};

/// What happens from the beginning of an exchange until none is under way.
struct ExchangeEpisode {
  struct Event {
    enum class Kind { begins, ends, computes };
    Kind kind = Kind::computes;
    std::size_t exchange = 0;  ///< which one begins, or is waited for
    double flops = 0;          ///< of the arithmetic beside the exchanges
    std::partial_ordering operator<=>(const Event&) const = default;
  };
  std::vector<RankExchange> exchanges;
  std::vector<Event> events;
  std::partial_ordering operator<=>(const ExchangeEpisode&) const = default;
};

/// How often each episode happens. An exchange that nobody waits for (count_exchange_beside()) is
/// an episode without the event `ends`.
using Exchanges = std::map<ExchangeEpisode, std::int64_t>;

/// Adds `times` times the others; may be negative. Episodes that then never happen are removed.
void add(Exchanges& sum, const Exchanges& others, std::int64_t times = 1);

/// Counts what a rank exchanges with others if this thread is in a dry run. What is computed until
/// end_exchange(), with the number that this returns, is computed beside it.
std::size_t begin_exchange(RankExchange exchange);
void end_exchange(std::size_t number);
/// Counts an exchange that goes on beside all else, such as one of a thread that loads ahead.
void count_exchange_beside(RankExchange exchange);

}  // namespace chitu::device
