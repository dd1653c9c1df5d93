#pragma once

#include <optional>
#include <string>

namespace chitu::pipelines {

/// A kind of link between ranks. Unknown figures count as no time.
struct RankLink {
  std::string name;
  std::optional<double> bandwidth;  ///< bytes per second, one way; both ways at the same time
  double latency_s = 0;             ///< of each message that a rank sends, beside its bytes
  bool shared = false;              ///< by all ranks of a host, else each rank has its own

  bool operator==(const RankLink&) const = default;
};

/// What ranks exchange tensors over.
struct RankLinks {
  std::optional<RankLink> interconnect;  ///< between the ranks of a host
  std::optional<RankLink> network;       ///< between hosts
  std::optional<int> ranks_per_host;     ///< empty: all ranks are on one host

  int host_of(int rank) const { return ranks_per_host ? rank / *ranks_per_host : 0; }
  bool operator==(const RankLinks&) const = default;
};

}  // namespace chitu::pipelines
