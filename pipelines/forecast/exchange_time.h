#pragma once

#include <optional>

#include "chitu_core/device/dry_run_exchanges.h"
#include "pipelines/machine/rank_links.h"

namespace chitu::pipelines {

/// The least time of exchanges between ranks.
struct ExchangeTime {
  double busy_s = 0;  ///< of the links, one exchange after another
  double wait_s = 0;  ///< that arithmetic waits for them
};

/// The seconds that one exchange takes on the rank, and on the shared link, that it takes longest
/// on. A rank sends the messages of an exchange one after another over each kind of link, and
/// receives meanwhile; the two kinds of links work at the same time. Every rank is taken to send
/// and receive what the planned one does, in its own group.
double seconds_of(const device::RankExchange& exchange, const RankLinks& links);

/// flops_rate  of arithmetic beside exchanges; empty = it takes no time and hides nothing
ExchangeTime exchange_time(const device::Exchanges& exchanges, const RankLinks& links,
                           const std::optional<double>& flops_rate);

}  // namespace chitu::pipelines
