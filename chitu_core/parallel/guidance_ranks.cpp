#include "chitu_core/parallel/guidance_ranks.h"

#include <ATen/ATen.h>

#include <utility>

namespace chitu::parallel {

GuidanceRanks::GuidanceRanks(std::shared_ptr<Communicator> ranks)
    : ranks_(ranks && ranks->size() > 1 ? std::move(ranks) : nullptr) {}

bool GuidanceRanks::computes(std::size_t branch) const {
  return !ranks_ || branch == static_cast<std::size_t>(ranks_->rank());
}

std::vector<at::Tensor> GuidanceRanks::gather(const at::Tensor& mine) const {
  if (!ranks_) return {mine};
  const at::Tensor sent = mine.contiguous();
  std::vector<at::Tensor> all;
  for (int rank = 0; rank < ranks_->size(); ++rank) all.push_back(at::empty_like(sent));
  ranks_->all_gather(sent, all);
  return all;
}

}  // namespace chitu::parallel
