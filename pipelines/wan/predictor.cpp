#include "pipelines/wan/predictor.h"

#include <ATen/ATen.h>

#include <iterator>
#include <utility>

#include "chitu_core/device/traffic.h"

namespace chitu::pipelines::wan {
namespace {

/// One pass through the layers: its prompts of each video, and their mode from the plan.
class Branch final : public GuidanceBranch {
 public:
  Branch(const models::WanTransformer3DModel& model, const nn::Attention& attention,
         const memory::MemoryPlan& plan)
      : model_(model),
        attention_(attention),
        options_{.ffn_chunk_tokens = plan.activation_chunk,
                 .offload_activations = plan.offload_activations} {}

  void add(models::WanDenoiseContext video) { contexts_.push_back(std::move(video)); }
  void drop(std::size_t video) override {
    contexts_.erase(contexts_.begin() + static_cast<std::ptrdiff_t>(video));
  }

  void use_cache(cache::PassCache* cache) override { options_.cache = cache; }

  std::vector<std::vector<at::Tensor>> predict(const std::vector<at::Tensor>& latents,
                                               double timestep,
                                               memory::LayerObserver& layers) override {
    options_.observer = &layers;
    std::vector<models::WanVideo> videos;
    for (std::size_t i = 0; i < contexts_.size(); ++i) videos.push_back({latents[i], contexts_[i]});
    return model_.forward(videos, timestep, attention_, options_);
  }

 private:
  const models::WanTransformer3DModel& model_;
  const nn::Attention& attention_;
  std::vector<models::WanDenoiseContext> contexts_;  ///< of each video
  models::WanForwardOptions options_;
};

std::vector<models::WanPrompt> prompts_of(const graph::TextEmbeddings& embeddings,
                                          c10::Device device) {
  std::vector<models::WanPrompt> prompts{
      {device::move_to(embeddings.prompt_embeds, device), embeddings.prompt_tokens}};
  if (embeddings.negative_prompt_embeds.defined())
    prompts.emplace_back(device::move_to(embeddings.negative_prompt_embeds, device),
                         embeddings.negative_prompt_tokens);
  return prompts;
}

/// The context as it is, or one context for each of its prompts.
std::vector<models::WanDenoiseContext> separate(models::WanDenoiseContext context, bool together) {
  if (together) return {std::move(context)};
  std::vector<models::WanDenoiseContext> contexts;
  for (models::WanTextContext& text : context.texts)
    contexts.push_back({context.rotary,
                        {std::move(text)},
                        context.keep_text_kv,
                        context.channels,
                        context.first_frames,
                        context.image});
  return contexts;
}

/// Branches of all videos, to which videos are added one by one.
class BranchBuilder {
 public:
  BranchBuilder(const Transformer& transformer, const nn::Attention& attention,
                const memory::MemoryPlan& plan)
      : model_(transformer.model()),
        attention_(attention),
        plan_(plan),
        device_(plan.component(transformer.name()).device) {}

  c10::Device device() const { return device_; }

  void add(const at::Tensor& latents, const graph::TextEmbeddings& embeddings,
           const models::WanImages& images) {
    auto context = model_.prepare(latents, prompts_of(embeddings, device_), plan_.keep_text_kv,
                                  rotary_, images, attention_.ranks());
    rotary_ = context.rotary;
    auto parts = separate(std::move(context), plan_.guidance_interleave);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (branches_.size() == i)
        branches_.push_back(std::make_unique<Branch>(model_, attention_, plan_));
      branches_[i]->add(std::move(parts[i]));
    }
  }

  GuidanceBranches take() {
    return {std::make_move_iterator(branches_.begin()), std::make_move_iterator(branches_.end())};
  }

 private:
  const models::WanTransformer3DModel& model_;
  const nn::Attention& attention_;
  const memory::MemoryPlan& plan_;
  c10::Device device_;
  std::vector<std::unique_ptr<Branch>> branches_;
  at::Tensor rotary_;
};

at::Tensor moved(const at::Tensor& tensor, c10::Device device) {
  return tensor.defined() ? device::move_to(tensor, device) : tensor;
}

}  // namespace

GuidanceBranches TextPredictor::branches(
    const std::vector<DenoiseStart<graph::TextEmbeddings>>& videos,
    const memory::MemoryPlan& plan) const {
  BranchBuilder branches(transformer_, attention_, plan);
  for (const auto& [latents, embeddings, job] : videos) branches.add(latents, embeddings, {});
  return branches.take();
}

GuidanceBranches ImagePredictor::branches(const std::vector<DenoiseStart<WanConditions>>& videos,
                                          const memory::MemoryPlan& plan) const {
  BranchBuilder branches(transformer_, attention_, plan);
  for (const auto& [latents, conditions, job] : videos) {
    const at::Tensor condition = moved(conditions.condition, branches.device());
    models::WanImages images{.embeds = moved(conditions.image_embeds, branches.device())};
    (use_.first_frame ? images.first_frames : images.channels) = condition;
    branches.add(latents, conditions.text, images);
  }
  return branches.take();
}

at::Tensor ImagePredictor::finished(const at::Tensor& latents,
                                    const WanConditions& conditions) const {
  const at::Tensor& condition = conditions.condition;
  if (!use_.first_frame || !condition.defined()) return latents;
  const std::int64_t given = condition.size(2);
  return at::cat({device::move_to(condition, latents.device()),
                  latents.narrow(2, given, latents.size(2) - given)},
                 2);
}

}  // namespace chitu::pipelines::wan
