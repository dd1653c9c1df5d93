#include "pipelines/wan/predictor.h"

#include <utility>

#include "chitu_core/device/traffic.h"

namespace chitu::pipelines::wan {
namespace {

/// One pass through the layers: its prompts, and their mode from the plan.
class Branch final : public GuidanceBranch {
 public:
  Branch(const models::WanTransformer3DModel& model, const nn::Attention& attention,
         models::WanDenoiseContext context, const memory::MemoryPlan& plan)
      : model_(model),
        attention_(attention),
        context_(std::move(context)),
        options_{.ffn_chunk_tokens = plan.activation_chunk,
                 .offload_activations = plan.offload_activations} {}

  std::vector<at::Tensor> predict(const at::Tensor& latents, double timestep,
                                  memory::LayerObserver& layers) override {
    options_.observer = &layers;
    return model_.forward(latents, timestep, context_, attention_, options_);
  }

 private:
  const models::WanTransformer3DModel& model_;
  const nn::Attention& attention_;
  models::WanDenoiseContext context_;
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

GuidanceBranches TextPredictor::branches(const at::Tensor& latents,
                                         const graph::TextEmbeddings& embeddings, const Job&,
                                         const memory::MemoryPlan& plan) const {
  const auto& model = transformer_.model();
  const c10::Device device = plan.component(transformer_.name()).device;
  GuidanceBranches branches;
  for (models::WanDenoiseContext& context :
       separate(model.prepare(latents, prompts_of(embeddings, device), plan.keep_text_kv),
                plan.guidance_interleave))
    branches.push_back(std::make_unique<Branch>(model, attention_, std::move(context), plan));
  return branches;
}

}  // namespace chitu::pipelines::wan
