#include "pipelines/stages/shared_branches.h"

#include <ATen/core/Tensor.h>
#include <fmt/format.h>

#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/parallel/options.h"

namespace chitu::pipelines {
namespace {

/// The branch of this rank, and what other ranks compute for the other.
class SharedBranch final : public GuidanceBranch {
 public:
  SharedBranch(std::unique_ptr<GuidanceBranch> mine, parallel::GuidanceRanks ranks)
      : mine_(std::move(mine)), ranks_(std::move(ranks)) {}

  std::vector<std::vector<at::Tensor>> predict(const std::vector<at::Tensor>& latents,
                                               double timestep,
                                               memory::LayerObserver& layers) override {
    std::vector<std::vector<at::Tensor>> velocities = mine_->predict(latents, timestep, layers);
    for (auto& of_video : velocities) of_video = ranks_.gather(of_video.front());
    return velocities;
  }
  void use_cache(cache::PassCache* cache) override { mine_->use_cache(cache); }
  void drop(std::size_t video) override { mine_->drop(video); }

 private:
  std::unique_ptr<GuidanceBranch> mine_;
  parallel::GuidanceRanks ranks_;
};

}  // namespace

GuidanceBranches shared_branches(GuidanceBranches mine, const parallel::GuidanceRanks& ranks) {
  if (!ranks.are_divided()) return mine;
  for (auto& branch : mine) branch = std::make_unique<SharedBranch>(std::move(branch), ranks);
  return mine;
}

void check_guidance_ranks(const Request& request, const parallel::ParallelOptions& ranks) {
  if (ranks.cfg_size == 1 || request.guided()) return;
  if (!request.negative_prompt)
    throw InputError(
        "request.negative_prompt: expected a text, which the ranks of "
        "infer.diffusion.cfg_size=2 compute; or infer.diffusion.cfg_size=1");
  throw InputError(
      fmt::format("request.guidance_scale={}: expected more than 1, because with 1 there is no "
                  "negative prompt for the ranks of infer.diffusion.cfg_size=2; or "
                  "infer.diffusion.cfg_size=1",
                  request.guidance_scale));
}

}  // namespace chitu::pipelines
