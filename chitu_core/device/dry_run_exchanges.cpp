#include "chitu_core/device/dry_run_exchanges.h"

#include <numeric>
#include <utility>

#include "chitu_core/device/dry_run_books.h"

namespace chitu::device {

using Event = ExchangeEpisode::Event;

std::int64_t RankExchange::sent_bytes() const {
  return std::accumulate(sent.begin(), sent.end(), std::int64_t{0});
}

void add(Exchanges& sum, const Exchanges& others, std::int64_t times) {
  for (const auto& [episode, count] : others) {
    const auto at = sum.try_emplace(episode, 0).first;
    at->second += times * count;
    if (at->second == 0) sum.erase(at);
  }
}

void OpenEpisode::compute(double flops) {
  if (under_way_ > 0 && flops > flops_before_)
    episode_.events.push_back({Event::Kind::computes, 0, flops - flops_before_});
  flops_before_ = flops;
}

std::size_t OpenEpisode::begin(RankExchange exchange, double flops) {
  compute(flops);
  const std::size_t number = episode_.exchanges.size();
  episode_.exchanges.push_back(std::move(exchange));
  episode_.events.push_back({Event::Kind::begins, number, 0});
  ++under_way_;
  return number;
}

bool OpenEpisode::end(std::size_t number, double flops) {
  compute(flops);
  episode_.events.push_back({Event::Kind::ends, number, 0});
  return --under_way_ == 0;
}

std::size_t DryRun::Books::begin_exchange(RankExchange exchange) {
  use_.sent += exchange.sent_bytes();
  return open_.begin(std::move(exchange), use_.flops);
}

void DryRun::Books::end_exchange(std::size_t number) {
  if (open_.end(number, use_.flops)) ++use_.exchanges[open_.take()];
}

void DryRun::Books::count_exchange_beside(RankExchange exchange) {
  use_.sent += exchange.sent_bytes();
  ++use_.exchanges[{{std::move(exchange)}, {{Event::Kind::begins, 0, 0}}}];
}

std::size_t begin_exchange(RankExchange exchange) {
  auto* books = DryRun::Books::current();
  return books ? books->begin_exchange(std::move(exchange)) : 0;
}

void end_exchange(std::size_t number) {
  if (auto* books = DryRun::Books::current()) books->end_exchange(number);
}

void count_exchange_beside(RankExchange exchange) {
  if (auto* books = DryRun::Books::current()) books->count_exchange_beside(std::move(exchange));
}

}  // namespace chitu::device
