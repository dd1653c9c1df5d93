#include "pipelines/qwen_image/predictor.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <iterator>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"

namespace chitu::pipelines::qwen_image {
namespace {

/// The modulation of one step, on the device.
models::QwenImageStepModulation modulation_at(const Condition& condition, double timestep,
                                              c10::Device device) {
  const auto found = std::ranges::find(condition.timesteps, timestep);
  if (found == condition.timesteps.end())
    throw Error("no modulation was computed for this timestep");
  const auto step = static_cast<std::int64_t>(found - condition.timesteps.begin());
  const at::Tensor blocks = condition.modulations.blocks.select(1, step);
  const at::Tensor head = condition.modulations.head.select(0, step);
  if (device::is_host(device)) return {blocks, head};
  return {device::move_to(blocks.contiguous(), device), device::move_to(head, device)};
}

/// One pass through the layers: its prompts of each picture.
class Branch final : public GuidanceBranch {
 public:
  /// condition  of one of the pictures, which all have the same schedule
  Branch(const models::QwenImageTransformer2DModel& model, const nn::Attention& attention,
         const Condition& condition, std::int64_t ffn_chunk_tokens)
      : model_(model),
        attention_(attention),
        condition_(condition),
        options_{.ffn_chunk_tokens = ffn_chunk_tokens} {}

  void add(models::QwenImageDenoiseContext picture) { contexts_.push_back(std::move(picture)); }
  void drop(std::size_t picture) override {
    contexts_.erase(contexts_.begin() + static_cast<std::ptrdiff_t>(picture));
  }

  void use_cache(cache::PassCache* cache) override { options_.cache = cache; }

  std::vector<std::vector<at::Tensor>> predict(const std::vector<at::Tensor>& latents,
                                               double timestep,
                                               memory::LayerObserver& layers) override {
    options_.observer = &layers;
    std::vector<models::QwenImagePicture> pictures;
    for (std::size_t i = 0; i < contexts_.size(); ++i)
      pictures.push_back({latents[i], contexts_[i]});
    return model_.forward(pictures, modulation_at(condition_, timestep, latents.front().device()),
                          attention_, options_);
  }

 private:
  const models::QwenImageTransformer2DModel& model_;
  const nn::Attention& attention_;
  const Condition& condition_;
  std::vector<models::QwenImageDenoiseContext> contexts_;  ///< of each picture
  models::QwenImageForwardOptions options_;
};

std::vector<at::Tensor> prompts_of(const graph::TextEmbeddings& text, c10::Device device) {
  std::vector<at::Tensor> prompts{device::move_to(text.prompt_embeds, device)};
  if (text.negative_prompt_embeds.defined())
    prompts.push_back(device::move_to(text.negative_prompt_embeds, device));
  return prompts;
}

/// The context as it is, or one context for each of its prompts.
std::vector<models::QwenImageDenoiseContext> separate(models::QwenImageDenoiseContext context,
                                                      bool together) {
  if (together) return {std::move(context)};
  std::vector<models::QwenImageDenoiseContext> contexts;
  for (auto& text : context.texts) contexts.push_back({context.rotary, {std::move(text)}});
  return contexts;
}

}  // namespace

GuidanceBranches PicturePredictor::branches(const std::vector<DenoiseStart<Condition>>& pictures,
                                            const memory::MemoryPlan& plan) const {
  const auto& model = transformer_.model();
  const c10::Device device = plan.component(transformer_.name()).device;
  std::vector<std::unique_ptr<Branch>> branches;
  at::Tensor rotary;
  for (const auto& [latents, condition, job] : pictures) {
    auto context =
        model.prepare(job.request.height / token_pixels_, job.request.width / token_pixels_,
                      prompts_of(condition.text, device), rotary);
    rotary = context.rotary;
    auto parts = separate(std::move(context), plan.guidance_interleave);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (branches.size() == i)
        branches.push_back(
            std::make_unique<Branch>(model, attention_, condition, plan.activation_chunk));
      branches[i]->add(std::move(parts[i]));
    }
  }
  return {std::make_move_iterator(branches.begin()), std::make_move_iterator(branches.end())};
}

}  // namespace chitu::pipelines::qwen_image
