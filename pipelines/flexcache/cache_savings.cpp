#include "pipelines/flexcache/cache_savings.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace chitu::pipelines {
namespace {

double saved(auto cached, auto whole) {
  return whole > 0 ? 1 - static_cast<double>(cached) / static_cast<double>(whole) : 0;
}

}  // namespace

CacheSavings cache_savings(const RequestCost& cached, const RequestCost& whole) {
  return {saved(cached.flops, whole.flops), saved(cached.h2d_bytes, whole.h2d_bytes),
          saved(cached.disk_bytes, whole.disk_bytes)};
}

std::string CacheSavings::text(bool host_computes) const {
  return fmt::format("{:.1f} % of arithmetic, {:.1f} % of {}", 100 * arithmetic,
                     100 * (host_computes ? disk_bytes : h2d_bytes),
                     host_computes ? "reads" : "copies");
}

nlohmann::json to_json(const CacheSavings& savings) {
  return {{"arithmetic_share", savings.arithmetic},
          {"h2d_bytes_share", savings.h2d_bytes},
          {"disk_bytes_share", savings.disk_bytes}};
}

}  // namespace chitu::pipelines
