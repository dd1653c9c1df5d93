#include "pipelines/sharing/weight_sharing.h"

#include <ATen/core/Tensor.h>

#include <utility>
#include <vector>

#include "chitu_core/memory/component.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/rank_roles.h"

namespace chitu::pipelines {
namespace {

/// Readers that gather their parts, from each to all others.
class RankReaders final : public memory::WeightReaders {
 public:
  explicit RankReaders(std::shared_ptr<parallel::Communicator> ranks) : ranks_(std::move(ranks)) {}

  int rank() const override { return ranks_->rank(); }
  int size() const override { return ranks_->size(); }

  void complete(const at::Tensor& buffer, const std::vector<std::int64_t>& cuts) override {
    std::vector<at::Tensor> parts;
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i)
      parts.push_back(buffer.narrow(0, cuts[i], cuts[i + 1] - cuts[i]));
    ranks_->all_gather(parts[static_cast<std::size_t>(rank())], parts);
  }

 private:
  std::shared_ptr<parallel::Communicator> ranks_;
};

}  // namespace

void WeightSharing::apply(memory::Component& component) const {
  component.share_reading(readers);
  component.share_host_memory(host_memory);
}

WeightSharing weight_sharing(const parallel::ParallelOptions& options, bool for_plan) {
  if (auto ranks = parallel::RankRoles(options, for_plan).weights())
    return {.readers = std::make_shared<RankReaders>(std::move(ranks))};
  if (for_plan) return {};
  return {.host_memory = options.host_memory};
}

}  // namespace chitu::pipelines
