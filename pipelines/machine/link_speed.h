#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>

#include "pipelines/machine/disk_speed.h"

namespace chitu::parallel {
class Communicator;
}

namespace chitu::pipelines {

/// What ranks measure of the link between them.
struct LinkSpeed {
  int ranks = 0;
  std::optional<int> ranks_per_host;  ///< of a link between hosts
  Measured bandwidth;                 ///< bytes per second that each rank sends while it receives
  double latency_s = 0;               ///< of a message of a few bytes
  std::string latency_how;
};

struct LinkMeasurement {
  c10::Device device = c10::kCPU;  ///< of the tensors that are exchanged
  /// Ranks of each host, if they are on several: each then exchanges with one of the next host.
  std::optional<int> ranks_per_host{};
  std::int64_t bytes = std::int64_t{64} << 20;  ///< of a large message
  int large_times = 10, small_times = 300;
};

/// All ranks exchange tensors in a ring at the same time, as often as given; takes seconds. Every
/// rank calls it, and gets the figures of the slowest rank.
LinkSpeed measure_link(parallel::Communicator& ranks, const LinkMeasurement& measurement);

/// A file of the group device/interconnect, or device/network for a link between hosts: each figure
/// with its method.
std::string to_yaml(const LinkSpeed& speed);

}  // namespace chitu::pipelines
