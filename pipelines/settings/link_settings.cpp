#include "pipelines/settings/link_settings.h"

namespace chitu::pipelines {

using config::at_least;

void InterconnectSettings::bind(config::Binder& b) {
  b.field("name", name, "name in reports");
  b.field("bandwidth", bandwidth,
          "of a rank one way, with the other way at the same time, such as 28.8GB; null: unknown");
  b.field("latency_us", latency_us, at_least(0),
          "microseconds that a message takes beside its bytes");
  b.field("shared", shared,
          "true: all ranks of a host share one such link; false: each has its own");
}

void NetworkSettings::bind(config::Binder& b) {
  InterconnectSettings::bind(b);
  b.field("ranks_per_host", ranks_per_host, at_least(1),
          "ranks on each host; those of one host use device.interconnect");
}

RankLink InterconnectSettings::link() const {
  constexpr double kMicrosecond = 1e-6;
  return {
      .name = name,
      .bandwidth = bandwidth ? std::optional(static_cast<double>(bandwidth->count)) : std::nullopt,
      .latency_s = latency_us * kMicrosecond,
      .shared = shared};
}

RankLinks links_of(const std::optional<InterconnectSettings>& interconnect,
                   const std::optional<NetworkSettings>& network) {
  RankLinks links;
  if (interconnect) links.interconnect = interconnect->link();
  if (network) links.network = network->link();
  if (network) links.ranks_per_host = network->ranks_per_host;
  return links;
}

}  // namespace chitu::pipelines
