#include "pipelines/batch/batch_groups.h"

#include <algorithm>
#include <tuple>

#include "chitu_core/cache/cache.h"
#include "pipelines/flexcache/cache_choice.h"

namespace chitu::pipelines {
namespace {

auto shape_of(const Request& request) {
  return std::tuple(request.width, request.height, request.num_frames, request.num_inference_steps,
                    request.guided(), request.max_sequence_length, request.flow_shift,
                    request.flexcache, request.flexcache_params);
}

/// Its cache decides from its own values which layers compute.
bool decides_alone(const Request& request) {
  const auto choice = cache_choice(request);
  return choice && cache::find_cache(*choice).decides_at_run_time();
}

}  // namespace

bool are_alike(const Request& a, const Request& b) {
  return shape_of(a) == shape_of(b) && !decides_alone(a);
}

std::vector<std::vector<std::size_t>> alike_groups(const std::vector<Request>& requests,
                                                   const std::vector<std::size_t>& members,
                                                   std::int64_t size) {
  std::vector<std::vector<std::size_t>> groups;
  for (const std::size_t member : members) {
    const auto has_room = [&](const std::vector<std::size_t>& group) {
      return std::ssize(group) < size && are_alike(requests[group.front()], requests[member]);
    };
    const auto group = std::ranges::find_if(groups, has_room);
    if (group == groups.end())
      groups.push_back({member});
    else
      group->push_back(member);
  }
  return groups;
}

}  // namespace chitu::pipelines
