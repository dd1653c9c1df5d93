#include "pipelines/wan/predictor.h"

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
    contexts.push_back({context.rotary, {std::move(text)}, context.keep_text_kv});
  return contexts;
}

}  // namespace

GuidanceBranches TextPredictor::branches(
    const std::vector<DenoiseStart<graph::TextEmbeddings>>& videos,
    const memory::MemoryPlan& plan) const {
  const auto& model = transformer_.model();
  const c10::Device device = plan.component(transformer_.name()).device;
  std::vector<std::unique_ptr<Branch>> branches;
  at::Tensor rotary;
  for (const auto& [latents, embeddings, job] : videos) {
    auto context =
        model.prepare(latents, prompts_of(embeddings, device), plan.keep_text_kv, rotary);
    rotary = context.rotary;
    auto parts = separate(std::move(context), plan.guidance_interleave);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (branches.size() == i)
        branches.push_back(std::make_unique<Branch>(model, attention_, plan));
      branches[i]->add(std::move(parts[i]));
    }
  }
  return {std::make_move_iterator(branches.begin()), std::make_move_iterator(branches.end())};
}

}  // namespace chitu::pipelines::wan
