#include "chitu_core/parallel/rank_roles.h"

#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/planned_communicator.h"

namespace chitu::parallel {

RankRoles::RankRoles(const ParallelOptions& options, bool for_plan) : options_(options) {
  if (options.world_size() > 1) groups_ = for_plan ? planned_groups(options) : options.groups;
}

std::shared_ptr<const AttentionHook> RankRoles::attention(std::string_view scheme,
                                                          std::int64_t heads) const {
  const bool by_options = scheme == "none" && groups_;
  return attention_hook(by_options ? std::string_view(options_.backend) : scheme,
                        {groups_ ? groups_->context : nullptr, heads, options_.up});
}

GuidanceRanks RankRoles::guidance() const {
  return GuidanceRanks(groups_ ? groups_->guidance : nullptr);
}

std::shared_ptr<Communicator> RankRoles::world() const {
  return groups_ ? groups_->world : nullptr;
}

std::shared_ptr<Communicator> RankRoles::loading() const {
  return options_.shard_weights ? world() : nullptr;
}

std::shared_ptr<Communicator> RankRoles::weights() const {
  return groups_ && options_.shard_weights ? groups_->weights : nullptr;
}

}  // namespace chitu::parallel
