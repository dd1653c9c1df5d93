#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace chitu::pipelines {

/// What a cache saves of a request with one memory plan, as shares of the same without it: 0 =
/// none.
struct CacheSavings {
  double arithmetic = 0, h2d_bytes = 0, disk_bytes = 0;

  /// "48.0 % of arithmetic, 47.9 % of copies", or of reads where the host computes.
  std::string text(bool host_computes) const;
};

/// What a request takes.
struct RequestCost {
  double flops = 0;
  std::int64_t h2d_bytes = 0, disk_bytes = 0;
};

/// cached, whole  with the same memory plan
CacheSavings cache_savings(const RequestCost& cached, const RequestCost& whole);

/// {"arithmetic_share": 0 to 1, "h2d_bytes_share": ..., "disk_bytes_share": ...}
nlohmann::json to_json(const CacheSavings& savings);

}  // namespace chitu::pipelines
