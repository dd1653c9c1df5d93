#include <fmt/format.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/models/qwen_image/latents.h"
#include "chitu_core/models/schedulers/schedule.h"
#include "chitu_core/parallel/rank_roles.h"
#include "pipelines/model/component_set.h"
#include "pipelines/model/graph_builder.h"
#include "pipelines/qwen_image/parts.h"
#include "pipelines/qwen_image/predictor.h"
#include "pipelines/qwen_image/request_limits.h"
#include "pipelines/qwen_image/stages.h"
#include "pipelines/sharing/weight_sharing.h"
#include "pipelines/stages/config_checks.h"
#include "pipelines/stages/denoise.h"
#include "pipelines/stages/save_frames.h"
#include "pipelines/stages/schedule_check.h"

namespace chitu::pipelines::qwen_image {
namespace {

/// The schedule that the pipeline of diffusers asks for: sigmas from 1 to 1 / steps, shifted by the
/// number of tokens where the scheduler does that.
Scheduling scheduling_of(std::shared_ptr<const models::SchedulerFactory> factory,
                         const PrepareLatents& latents) {
  Scheduling scheduling(std::move(factory));
  scheduling.options = [latents](const models::Scheduler& scheduler, const Request& request) {
    const std::int64_t steps = request.num_inference_steps;
    return models::ScheduleOptions{models::linspace(1.0, 1.0 / static_cast<double>(steps), steps),
                                   scheduler.mu(latents.shape(request)[1])};
  };
  return scheduling;
}

class QwenImagePipeline final : public Pipeline {
 public:
  QwenImagePipeline(Parts parts, const ModelChoices& choices);

  const graph::Graph& graph() const override { return graph_; }
  std::vector<memory::Component*> components() const override { return components_.all(); }
  RequestDefaults request_defaults() const override { return parts_.defaults; }
  void check(const Request& request) const override;
  SizeSteps size_steps() const override { return qwen_image::size_steps(vae().model().config()); }
  std::vector<std::int64_t> latents_shape(const Request& request) const override {
    return prepare_latents().shape(request);
  }
  double recomputed_share(const Request& request, const memory::MemoryPlan& plan) const override;
  std::size_t result_slot() const override { return result_->slot; }
  std::size_t frames_slot() const override { return frames_->slot; }
  std::int64_t transformer_layers() const override {
    return transformer().model().config().num_layers;
  }
  std::unique_ptr<Pipeline> for_plan() const override;

 private:
  TextEncoder& text_encoder() const {
    return components_.get<models::Qwen2_5_VLTextModel>(kTextEncoder);
  }
  Transformer& transformer() const {
    return components_.get<models::QwenImageTransformer2DModel>(kTransformer);
  }
  Modulation& modulation() const {
    return components_.get<models::QwenImageModulation>(kModulation);
  }
  Vae& vae() const { return components_.get<models::AutoencoderKLWan>(kVae); }

  /// Each config may be valid and still not fit another.
  ///
  /// throws  InputError naming two numbers that differ and must be equal
  void check_configs() const;
  void build_graph();
  CacheFacts cache_facts() const;
  PrepareLatents prepare_latents() const;

  Parts parts_;
  ModelChoices choices_;
  ComponentSet components_;
  Scheduling scheduling_;
  ScheduleCheck schedule_check_;
  graph::Graph graph_;
  std::optional<graph::Port<graph::Frames>> frames_;
  std::optional<graph::Port<graph::SavedFiles>> result_;
};

QwenImagePipeline::QwenImagePipeline(Parts parts, const ModelChoices& choices)
    : parts_(std::move(parts)),
      choices_(choices),
      components_(parts_.components, choices.for_plan, choices.loras,
                  weight_sharing(choices.parallel, choices.for_plan)),
      scheduling_(scheduling_of(parts_.scheduler, prepare_latents())),
      schedule_check_(scheduling_) {
  check_configs();
  build_graph();
}

void QwenImagePipeline::check_configs() const {
  const auto& text = text_encoder().model().config();
  const auto& transformer_config = transformer().model().config();
  check_same(parts_.folder, "joint_attention_dim of transformer",
             transformer_config.joint_attention_dim, "hidden_size of text_encoder",
             text.hidden_size);
  check_same(parts_.folder, "in_channels of transformer", transformer_config.in_channels,
             "4 * z_dim of vae", 4 * vae().model().config().z_dim);
  if (parts_.tokenizer) check_vocabulary(parts_.folder, *parts_.tokenizer, text.vocab_size);
}

std::unique_ptr<Pipeline> QwenImagePipeline::for_plan() const {
  ModelChoices choices = choices_;
  choices.for_plan = true;
  return std::make_unique<QwenImagePipeline>(parts_, choices);
}

PrepareLatents QwenImagePipeline::prepare_latents() const {
  const auto& latent = vae().model().config();
  return {latent.z_dim, latent.spatial_factor()};
}

void QwenImagePipeline::build_graph() {
  const nn::Attention attention(nn::exact_attention(choices_.attn_type), choices_.device.type());
  const parallel::RankRoles roles(choices_.parallel, choices_.for_plan);
  const nn::Attention split_attention(
      choices_.attn_type, choices_.device.type(),
      roles.attention(choices_.context_parallel,
                      transformer().model().config().num_attention_heads));
  const auto job = graph_.input<Job>();
  GraphBuilder stages(graph_, job, choices_.stages);
  const auto tokens = stages.add(Tokenize{parts_.tokenizer}, job);
  const auto embeddings = stages.add(
      EncodeText{std::make_shared<TextPromptEncoder>(text_encoder(), attention),
                 open_prompt_cache(choices_, parts_.folder, parts_.components, kTextEncoder),
                 roles.guidance(), roles.loading()},
      tokens, job);
  const auto condition = stages.add(Modulate{&modulation(), scheduling_}, embeddings, job);
  const auto noise = stages.add(prepare_latents(), job);
  const auto predictor =
      std::make_shared<PicturePredictor>(transformer(), split_attention, size_steps().width);
  const DenoiseLoop loop{
      scheduling_, {.combine = &models::rescaled_guidance}, 0, roles.guidance(), cache_facts()};
  const auto latents = stages.add(Denoise<Condition>{predictor, loop}, noise, condition, job);
  const auto decoded = stages.add(DecodeLatents{&vae(), roles.world()}, latents, job);
  frames_ = stages.input_of(std::string(SaveFrames::name), decoded);
  result_ = stages.add(SaveFrames{}, *frames_, job);
  stages.finish();
}

double QwenImagePipeline::recomputed_share(const Request& request,
                                           const memory::MemoryPlan& plan) const {
  return pipelines::recomputed_share(vae().model(), request, plan);
}

void QwenImagePipeline::check(const Request& request) const {
  check_limits(request, size_steps());
  schedule_check_.check(request);
  check_guidance_ranks(request, choices_.parallel);
  check_cache(request, {scheduling_.start(request)->timesteps()}, cache_facts()(request),
              choices_.parallel.world_size());
}

CacheFacts QwenImagePipeline::cache_facts() const {
  return [config = transformer().model().config()](const Request& request) {
    return cache::ModelFacts{.layers = config.num_layers,
                             .width = config.width(),
                             .in_channels = config.in_channels,
                             .family = "qwen_image",
                             .pixels = request.width * request.height};
  };
}

class QwenImageFamily final : public PipelineFamily {
 public:
  std::vector<memory::ComponentRole> components(const ModelFolder&) const override {
    return roles_of(describe_components());
  }
  std::vector<ComponentDescription> descriptions(const ModelFolder&) const override {
    return describe_components();
  }
  std::unique_ptr<Pipeline> open(const ModelFolder& folder,
                                 const ModelChoices& choices) const override {
    return std::make_unique<QwenImagePipeline>(read_parts(folder, choices), choices);
  }
};
CHITU_REGISTER(PipelineFamily, QwenImageFamily, "QwenImagePipeline");

}  // namespace
}  // namespace chitu::pipelines::qwen_image
