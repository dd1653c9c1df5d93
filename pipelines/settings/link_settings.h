#pragma once

#include <optional>
#include <string>

#include "chitu_core/config/bind/binder.h"
#include "pipelines/machine/rank_links.h"

namespace chitu::pipelines {

/// The group `device/interconnect`.
struct InterconnectSettings {
  std::string name = "a link";
  std::optional<config::BytesPerSecond> bandwidth;
  double latency_us = 0;
  bool shared = false;
  void bind(config::Binder& binder);

  RankLink link() const;
};

/// The group `device/network`.
struct NetworkSettings : InterconnectSettings {
  int ranks_per_host = 1;
  void bind(config::Binder& binder);
};

/// Both are null where the configuration has none.
RankLinks links_of(const std::optional<InterconnectSettings>& interconnect,
                   const std::optional<NetworkSettings>& network);

}  // namespace chitu::pipelines
