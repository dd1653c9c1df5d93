#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/parallel/rank_roles.h"
#include "pipelines/model/component_set.h"
#include "pipelines/model/graph_builder.h"
#include "pipelines/sharing/weight_sharing.h"
#include "pipelines/stages/config_checks.h"
#include "pipelines/stages/denoise.h"
#include "pipelines/stages/save_frames.h"
#include "pipelines/stages/schedule_check.h"
#include "pipelines/wan/component_names.h"
#include "pipelines/wan/image_stages.h"
#include "pipelines/wan/original_names.h"
#include "pipelines/wan/parts.h"
#include "pipelines/wan/predictor.h"
#include "pipelines/wan/request_limits.h"
#include "pipelines/wan/stages.h"
#include "pipelines/wan/time_signal.h"

namespace chitu::pipelines::wan {
namespace {

/// The components of a checkpoint, in the order of reports. A further one is an entry here and its
/// stage in build_graph().
std::vector<ComponentDescription> describe_components(const std::vector<Expert>& experts,
                                                      const ImageUse& images) {
  using memory::Role;
  std::vector<ComponentDescription> components;
  components.push_back(describe<models::UMT5EncoderModel>("text_encoder", Role::text_encoder,
                                                          "transformers", {"UMT5EncoderModel"}));
  components.back().naming = [](const io::JsonObject&) { return umt5_naming(); };
  if (images.embeds)
    components.push_back(describe<models::CLIPVisionModel>("image_encoder", Role::text_encoder,
                                                           "transformers", {"CLIPVisionModel"}));
  if (images.any()) {
    components.push_back(describe<models::AutoencoderKLWanEncoder>(
        "vae_encoder", Role::vae, "diffusers", {"AutoencoderKLWan"}));
    components.back().part_of = "vae";
    components.back().naming = vae_naming;
  }
  for (const Expert& expert : experts) {
    components.push_back(describe<models::WanTransformer3DModel>(
        expert.name, Role::transformer, "diffusers", {"WanTransformer3DModel"}));
    components.back().original_name = original_name;
    components.back().naming = [](const io::JsonObject&) { return transformer_naming(); };
  }
  components.push_back(
      describe<models::AutoencoderKLWan>("vae", Role::vae, "diffusers", {"AutoencoderKLWan"}));
  components.back().naming = vae_naming;
  return components;
}

class WanPipeline final : public Pipeline {
 public:
  WanPipeline(Parts parts, const ModelChoices& choices);

  const graph::Graph& graph() const override { return graph_; }
  std::vector<memory::Component*> components() const override { return components_.all(); }
  RequestDefaults request_defaults() const override { return parts_.defaults; }
  void check(const Request& request) const override;
  SizeSteps size_steps() const override;
  std::vector<std::int64_t> latents_shape(const Request& request) const override {
    return prepare_latents().shape(request);
  }
  double recomputed_share(const Request& request, const memory::MemoryPlan& plan) const override;
  std::size_t result_slot() const override { return result_->slot; }
  std::size_t frames_slot() const override { return frames_->slot; }
  std::int64_t transformer_layers() const override;
  std::unique_ptr<Pipeline> for_plan() const override;

 private:
  TextEncoder& text_encoder() const {
    return components_.get<models::UMT5EncoderModel>("text_encoder");
  }
  Transformer& transformer(const Expert& expert) const {
    return components_.get<models::WanTransformer3DModel>(expert.name);
  }
  const Transformer& first_transformer() const { return transformer(parts_.experts.front()); }
  ImageEncoder& image_encoder() const {
    return components_.get<models::CLIPVisionModel>("image_encoder");
  }
  VaeEncoder& vae_encoder() const {
    return components_.get<models::AutoencoderKLWanEncoder>("vae_encoder");
  }
  Vae& vae() const { return components_.get<models::AutoencoderKLWan>("vae"); }

  /// Each config may be valid and still not fit another.
  ///
  /// throws  InputError naming two numbers that differ and must be equal
  void check_configs() const;
  void check_transformer(const std::string& name,
                         const models::WanTransformer3DConfig& transformer) const;
  void check_images(const std::string& name,
                    const models::WanTransformer3DConfig& transformer) const;
  void build_graph();
  PrepareLatents prepare_latents() const;
  parallel::RankRoles roles() const { return {choices_.parallel, choices_.for_plan}; }
  nn::Attention attention_of(const Transformer& transformer) const {
    return nn::Attention(choices_.attn_type, choices_.device.type(),
                         roles().attention(choices_.context_parallel,
                                           transformer.model().config().num_attention_heads));
  }
  std::shared_ptr<const Predictor<graph::TextEmbeddings>> make_predictor(
      Transformer& transformer, const graph::TextEmbeddings*) const {
    return std::make_shared<TextPredictor>(transformer, attention_of(transformer));
  }
  std::shared_ptr<const Predictor<WanConditions>> make_predictor(Transformer& transformer,
                                                                 const WanConditions*) const {
    return std::make_shared<ImagePredictor>(transformer, attention_of(transformer), parts_.images);
  }
  graph::Port<WanConditions> add_images(GraphBuilder& stages,
                                        graph::Port<graph::TextEmbeddings> embeddings,
                                        graph::Port<Job> job);
  template <graph::Value Condition>
  graph::Port<graph::Latents> add_denoising(GraphBuilder& stages,
                                            graph::Port<graph::Latents> latents,
                                            graph::Port<Condition> condition, graph::Port<Job> job);

  CacheFacts cache_facts(const Expert& expert) const;
  void check_caches(const Request& request) const;

  Parts parts_;
  ScheduleCheck schedule_check_;
  ModelChoices choices_;
  ComponentSet components_;
  graph::Graph graph_;
  std::optional<graph::Port<graph::Frames>> frames_;
  std::optional<graph::Port<graph::SavedFiles>> result_;
};

WanPipeline::WanPipeline(Parts parts, const ModelChoices& choices)
    : parts_(std::move(parts)),
      schedule_check_(parts_.scheduler),
      choices_(choices),
      components_(parts_.components, choices.for_plan, choices.loras,
                  weight_sharing(choices.parallel, choices.for_plan)) {
  check_configs();
  build_graph();
}

void WanPipeline::check_configs() const {
  for (const Expert& expert : parts_.experts)
    check_transformer(expert.name, transformer(expert).model().config());
  const auto& text = text_encoder().model().config();
  if (parts_.tokenizer) check_vocabulary(parts_.folder, *parts_.tokenizer, text.vocab_size);
}

void WanPipeline::check_transformer(const std::string& name,
                                    const models::WanTransformer3DConfig& transformer) const {
  const std::int64_t z_dim = vae().model().config().z_dim;
  check_same(parts_.folder, "text_dim of " + name, transformer.text_dim, "d_model of text_encoder",
             text_encoder().model().config().d_model);
  if (parts_.images.channels)
    check_same(parts_.folder, "in_channels of " + name, transformer.in_channels,
               "the number of channels of latents, mask and encoded image",
               2 * z_dim + vae().model().config().temporal_factor());
  else
    check_same(parts_.folder, "in_channels of " + name, transformer.in_channels, "z_dim of vae",
               z_dim);
  check_images(name, transformer);
  check_same(parts_.folder, "out_channels of " + name, transformer.out_channels, "z_dim of vae",
             z_dim);
  const auto& first = first_transformer();
  for (const std::size_t side : {0, 1, 2})
    check_same(parts_.folder, fmt::format("patch_size[{}] of {}", side, name),
               transformer.patch_size[side], "that of " + first.name(),
               first.model().config().patch_size[side]);
}

void WanPipeline::check_images(const std::string& name,
                               const models::WanTransformer3DConfig& transformer) const {
  if (parts_.images.first_frame)
    check_same(parts_.folder, "patch_size[0] of " + name, transformer.patch_size[0],
               "the number of latent frames of an image", 1);
  if (!parts_.images.embeds) return;
  const auto& encoder = image_encoder().model().config();
  check_same(parts_.folder, "image_dim of " + name, transformer.image_dim.value_or(0),
             "hidden_size of image_encoder", encoder.hidden_size);
  if (parts_.images.last_image_required)
    check_same(parts_.folder, "pos_embed_seq_len of " + name,
               transformer.pos_embed_seq_len.value_or(0), "the number of rows of two images",
               2 * encoder.positions());
  const auto size = parts_.image_processor->result_size();
  for (const std::size_t side : {0, 1})
    check_same(parts_.folder,
               side == 0 ? "the height of pictures after image_processor"
                         : "the width of pictures after image_processor",
               size ? (*size)[side] : 0, "image_size of image_encoder", encoder.image_size);
}

std::unique_ptr<Pipeline> WanPipeline::for_plan() const {
  ModelChoices choices = choices_;
  choices.for_plan = true;
  return std::make_unique<WanPipeline>(parts_, choices);
}

void WanPipeline::build_graph() {
  const nn::Attention attention(nn::exact_attention(choices_.attn_type), choices_.device.type());
  const auto job = graph_.input<Job>();
  GraphBuilder stages(graph_, job, choices_.stages);
  const auto tokens = stages.add(Tokenize{parts_.tokenizer}, job);
  const auto embeddings = stages.add(
      EncodeText{
          std::make_shared<TextPromptEncoder>(text_encoder(), attention),
          open_prompt_cache(choices_, parts_.folder, parts_.components, text_encoder().name()),
          roles().guidance(), roles().loading()},
      tokens, job);
  const auto conditions =
      parts_.images.any() ? std::optional(add_images(stages, embeddings, job)) : std::nullopt;
  const auto noise = stages.add(prepare_latents(), job);
  const auto latents = conditions ? add_denoising(stages, noise, *conditions, job)
                                  : add_denoising(stages, noise, embeddings, job);
  const auto decoded = stages.add(DecodeLatents{&vae(), roles().world()}, latents);
  frames_ = stages.input_of(std::string(SaveFrames::name), decoded);
  result_ = stages.add(SaveFrames{}, *frames_, job);
  stages.finish();
}

PrepareLatents WanPipeline::prepare_latents() const {
  const auto& latent = vae().model().config();
  return {latent.z_dim, latent.temporal_factor(), latent.spatial_factor()};
}

/// The stages that encode the pictures of a request.
graph::Port<WanConditions> WanPipeline::add_images(GraphBuilder& stages,
                                                   graph::Port<graph::TextEmbeddings> embeddings,
                                                   graph::Port<Job> job) {
  const auto images = stages.add(PrepareImages{parts_.images, parts_.image_processor}, job);
  const EncodeCondition encode{&vae_encoder(), parts_.images};
  if (!parts_.images.embeds)
    return stages.add(JoinConditions{}, embeddings, stages.add(encode, images, job));
  const nn::Attention attention(nn::exact_attention(choices_.attn_type), choices_.device.type());
  const auto embeds = stages.add(EncodeImage{&image_encoder(), attention}, images);
  return stages.add(JoinImageConditions{}, embeddings, embeds, stages.add(encode, images, job));
}

/// A stage for each expert. The first expert's weights are freed before the second's are loaded,
/// unless the plan keeps both.
template <graph::Value Condition>
graph::Port<graph::Latents> WanPipeline::add_denoising(GraphBuilder& stages,
                                                       graph::Port<graph::Latents> latents,
                                                       graph::Port<Condition> condition,
                                                       graph::Port<Job> job) {
  for (const Expert& expert : parts_.experts) {
    const DenoiseLoop loop{parts_.scheduler, guidance_of(expert), expert.least_timestep,
                           roles().guidance(), cache_facts(expert)};
    const auto predictor =
        make_predictor(transformer(expert), static_cast<const Condition*>(nullptr));
    latents = stages.add(stage_name(expert, parts_.experts.size()),
                         Denoise<Condition>{predictor, loop}, latents, condition, job);
  }
  return latents;
}

CacheFacts WanPipeline::cache_facts(const Expert& expert) const {
  const models::WanTransformer3DModel& model = transformer(expert).model();
  const auto weights = weights_of(parts_.components, expert.name);
  return [config = model.config(), embed_time = time_signal(model, weights),
          steps = step_share(expert, parts_.experts.size())](const Request& request) {
    return cache::ModelFacts{.layers = config.num_layers,
                             .width = config.width(),
                             .in_channels = config.in_channels,
                             .family = "wan",
                             .steps = steps,
                             .splits_attention = true,
                             .pixels = request.width * request.height,
                             .from_image = request.image.has_value(),
                             .embed_time = embed_time,
                             .embeds_time = true};
  };
}

/// Each expert has a cache of its own for its steps.
void WanPipeline::check_caches(const Request& request) const {
  const auto timesteps = Scheduling(parts_.scheduler).start(request)->timesteps();
  auto next = timesteps.begin();
  for (const Expert& expert : parts_.experts) {
    const auto end = std::find_if(
        next, timesteps.end(), [&](double timestep) { return timestep < expert.least_timestep; });
    check_cache(request, {{next, end}}, cache_facts(expert)(request),
                choices_.parallel.world_size());
    next = end;
  }
}

SizeSteps WanPipeline::size_steps() const {
  return wan::size_steps(first_transformer().model().config(), vae().model().config());
}

std::int64_t WanPipeline::transformer_layers() const {
  std::int64_t most = 0;
  for (const Expert& expert : parts_.experts)
    most = std::max(most, transformer(expert).model().config().num_layers);
  return most;
}

double WanPipeline::recomputed_share(const Request& request, const memory::MemoryPlan& plan) const {
  return pipelines::recomputed_share(vae().model(), request, plan);
}

void WanPipeline::check(const Request& request) const {
  check_limits(request, size_steps());
  check_second_scale(request, parts_.has_boundary);
  check_pictures(request, parts_.images, choices_.for_plan);
  schedule_check_.check(request);
  check_guidance_ranks(request, choices_.parallel);
  check_caches(request);
}

class WanFamily : public PipelineFamily {
 public:
  std::vector<memory::ComponentRole> components(const ModelFolder& folder) const override {
    return roles_of(descriptions(folder));
  }
  std::vector<ComponentDescription> descriptions(const ModelFolder& folder) const override {
    const auto index = folder.index();
    const auto experts = experts_of(folder, index);
    return describe_components(experts, image_use_of(folder, index, experts));
  }
  std::unique_ptr<Pipeline> open(const ModelFolder& folder,
                                 const ModelChoices& choices) const override {
    return std::make_unique<WanPipeline>(read_parts(folder, choices, &describe_components),
                                         choices);
  }
};
CHITU_REGISTER(PipelineFamily, WanFamily, "WanPipeline");

class WanImageFamily final : public WanFamily {};
CHITU_REGISTER(PipelineFamily, WanImageFamily, "WanImageToVideoPipeline");

}  // namespace
}  // namespace chitu::pipelines::wan
