#include <ATen/ATen.h>
#include <fmt/format.h>

#include "chitu_core/device/planning.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/graph/layer_watch.h"
#include "chitu_core/models/guidance.h"
#include "chitu_core/models/noise.h"
#include "pipelines/stages/check_finite.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {
namespace {

/// Tells the observers about one step, also when it ends by throwing.
class Step {
 public:
  Step(graph::Context& context, std::int64_t index, std::int64_t count)
      : context_(context),
        index_(static_cast<int>(index)),
        count_(static_cast<int>(count)),
        part_(fmt::format("step {}", index)) {
    context_.tell([&](auto& observer) { observer.step_begin(index_, count_); });
  }
  ~Step() {
    context_.tell([&](auto& observer) { observer.step_end(index_, count_); });
  }
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;

 private:
  graph::Context& context_;
  int index_, count_;
  device::PlannedPart part_;
};

/// The context as it is, or one for each of its prompts.
std::vector<models::WanDenoiseContext> separate(models::WanDenoiseContext context, bool together) {
  if (together) return {std::move(context)};
  std::vector<models::WanDenoiseContext> branches;
  for (models::WanTextContext& text : context.texts)
    branches.push_back({context.rotary, {std::move(text)}, context.keep_text_kv});
  return branches;
}

/// What may help where the latents are not finite.
std::string advice_for(const Request& request, const memory::ComponentPlan& plan) {
  std::string advice = dtype_advice("transformer", plan, "infer.dtype");
  if (request.flow_shift)
    advice += fmt::format("; or request.flow_shift nearer to the checkpoint's than {}",
                          *request.flow_shift);
  if (request.guided())
    advice += fmt::format("; or request.guidance_scale below {}", request.guidance_scale);
  return advice;
}

std::string step_name(std::int64_t index, const char* what) {
  return fmt::format("step_{:03}.{}", index, what);
}

}  // namespace

graph::Latents PrepareLatents::run(const Job& job, graph::Context& context) const {
  const Request& request = job.request;
  const std::vector<std::int64_t> shape{1, channels, (request.num_frames - 1) / temporal_factor + 1,
                                        request.height / spatial_factor,
                                        request.width / spatial_factor};
  const at::Tensor noise = device::planning()
                               ? at::empty(shape, at::TensorOptions().device(device::host()))
                               : models::initial_noise(shape, request.seed);
  context.keep("initial_noise", noise);
  context.keep("initial_latents", noise);
  return {device::move_to(noise, context.plan.device)};
}

graph::Latents Denoise::run(const graph::Latents& start, const graph::TextEmbeddings& embeddings,
                            const Job& job, graph::Context& context) const {
  const auto& model = transformer->model();
  const auto walk = scheduler->make(job.request.flow_shift);
  walk->set_timesteps(job.request.num_inference_steps);
  keep_schedule(*walk, context);

  at::Tensor latents = start.latents;
  const auto& plan = context.plan;
  // Branches that go together share one context.
  auto branches =
      separate(model.prepare(latents, prompts_of(embeddings, plan.device), plan.keep_text_kv),
               plan.guidance_interleave);
  const auto passes = walk->step_count() * static_cast<std::int64_t>(branches.size());
  graph::LayerWatch layers(context, *transformer, passes);
  const models::WanForwardOptions options{.ffn_chunk_tokens = plan.activation_chunk,
                                          .offload_activations = plan.offload_activations,
                                          .observer = &layers};
  for (std::int64_t i = 0; i < walk->step_count(); ++i) {
    context.check_stop();
    const Step step(context, i, walk->step_count());
    const double timestep = walk->timesteps()[static_cast<std::size_t>(i)];
    std::vector<at::Tensor> predictions;
    for (auto& branch : branches)
      for (at::Tensor& prediction : model.forward(latents, timestep, branch, attention, options))
        predictions.push_back(std::move(prediction));
    const at::Tensor velocity = guide(predictions, job.request.guidance_scale, i, context);
    latents = walk->step(velocity, i, latents);
    context.keep(step_name(i, "latents"), latents);
    check_finite(latents, fmt::format("step {} of {}: the latents", i + 1, walk->step_count()),
                 [&] { return advice_for(job.request, plan.component(transformer->name())); });
  }
  context.keep("final_latents", latents);
  return {latents};
}

std::vector<models::WanPrompt> Denoise::prompts_of(const graph::TextEmbeddings& embeddings,
                                                   c10::Device device) {
  std::vector<models::WanPrompt> prompts{
      {device::move_to(embeddings.prompt_embeds, device), embeddings.prompt_tokens}};
  if (embeddings.negative_prompt_embeds.defined())
    prompts.emplace_back(device::move_to(embeddings.negative_prompt_embeds, device),
                         embeddings.negative_prompt_tokens);
  return prompts;
}

at::Tensor Denoise::guide(const std::vector<at::Tensor>& predictions, double guidance_scale,
                          std::int64_t step, graph::Context& context) {
  if (step == 0) {
    context.keep(step_name(0, "noise_pred_cond"), predictions[0]);
    if (predictions.size() > 1) context.keep(step_name(0, "noise_pred_uncond"), predictions[1]);
  }
  const at::Tensor velocity =
      predictions.size() > 1
          ? models::classifier_free_guidance(predictions[0], predictions[1], guidance_scale)
          : predictions[0];
  context.keep(step_name(step, "noise_pred"), velocity);
  return velocity;
}

void Denoise::keep_schedule(const models::Scheduler& walk, graph::Context& context) {
  if (!context.dump) return;
  context.keep("timesteps", at::tensor(walk.timesteps(), at::kDouble));
  context.keep("sigmas", at::tensor(walk.sigmas(), at::kFloat));
}

}  // namespace chitu::pipelines::wan
