#include "tools/chitu/rank_figures.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <vector>

namespace chitu::tools {
namespace {

using Figures = std::array<std::int64_t, 4>;
constexpr std::array kNames{"disk_bytes", "peak_device_bytes", "peak_host_bytes", "sent_bytes"};

std::int64_t sent(const parallel::Groups& groups) {
  std::int64_t bytes = 0;
  for (const auto& group : {groups.world, groups.context, groups.guidance, groups.weights})
    if (group) bytes += group->bytes_sent();
  return bytes;
}

Figures figures_of(const pipelines::Metrics& metrics, const parallel::Groups& groups) {
  Figures figures{0, 0, 0, sent(groups)};
  for (const pipelines::StageCost& stage : metrics.stages()) {
    figures[0] += stage.disk_bytes;
    figures[1] = std::max(figures[1], stage.peak_device_bytes);
    figures[2] = std::max(figures[2], stage.peak_host_bytes);
  }
  return figures;
}

}  // namespace

nlohmann::json sent_by_group(const parallel::Groups& groups) {
  nlohmann::json sent{{"world", groups.world->bytes_sent()},
                      {"context", groups.context->bytes_sent()},
                      {"guidance", groups.guidance->bytes_sent()}};
  if (groups.weights) sent["weights"] = groups.weights->bytes_sent();
  return sent;
}

nlohmann::json figures_of_ranks(const parallel::Ranks& ranks, const pipelines::Metrics& metrics) {
  const parallel::Groups& groups = *ranks.groups();
  const Figures figures = figures_of(metrics, groups);
  const at::Tensor mine = at::tensor(at::IntArrayRef(figures), at::kLong);
  std::vector<at::Tensor> all;
  for (int rank = 0; rank < ranks.size(); ++rank) all.push_back(at::empty_like(mine));
  groups.world->all_gather(mine, all);
  nlohmann::json lists;
  for (const at::Tensor& of_rank : all)
    for (std::size_t i = 0; i < kNames.size(); ++i)
      lists[kNames[i]].push_back(of_rank.const_data_ptr<std::int64_t>()[i]);
  return lists;
}

}  // namespace chitu::tools
