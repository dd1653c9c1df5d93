#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/registry.h"
#include "chitu_core/models/wan/vae_tiling.h"
#include "chitu_core/parallel/attention_hook.h"
#include "pipelines/model/graph_builder.h"
#include "pipelines/stages/denoise.h"
#include "pipelines/stages/save_frames.h"
#include "pipelines/stages/schedule_check.h"
#include "pipelines/wan/parts.h"
#include "pipelines/wan/predictor.h"
#include "pipelines/wan/request_limits.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {
namespace {

/// Of transformer_2. Whether there is guidance at all, guidance_scale alone decides.
Guidance second_guidance() {
  Guidance guidance;
  guidance.scale = [](const Request& request) {
    return request.guidance_scale_2.value_or(request.guidance_scale);
  };
  guidance.key = "guidance_scale_2";
  return guidance;
}

/// "denoise", or where two experts share the steps, a name that says which steps it takes.
std::string stage_name(const Expert& expert, std::size_t experts) {
  if (experts == 1) return "denoise";
  return expert.second ? "denoise_low_noise" : "denoise_high_noise";
}

class WanPipeline final : public Pipeline {
 public:
  WanPipeline(Parts parts, const ModelChoices& choices);

  const graph::Graph& graph() const override { return graph_; }
  std::vector<memory::Component*> components() const override {
    std::vector<memory::Component*> components{text_encoder_.get()};
    for (const auto& transformer : transformers_) components.push_back(transformer.get());
    components.push_back(vae_.get());
    return components;
  }
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
  void build_graph();
  PrepareLatents prepare_latents() const;
  std::shared_ptr<const TextPredictor> make_predictor(Transformer& transformer) const;
  graph::Port<graph::Latents> add_denoising(GraphBuilder& stages,
                                            graph::Port<graph::Latents> latents,
                                            graph::Port<graph::TextEmbeddings> embeddings,
                                            graph::Port<Job> job);
  std::shared_ptr<const PromptCache> open_cache() const;

  Parts parts_;
  ScheduleCheck schedule_check_;
  ModelChoices choices_;
  std::unique_ptr<TextEncoder> text_encoder_;
  std::vector<std::unique_ptr<Transformer>> transformers_;  ///< one of each expert
  std::unique_ptr<Vae> vae_;
  graph::Graph graph_;
  std::optional<graph::Port<graph::Frames>> frames_;
  std::optional<graph::Port<graph::SavedFiles>> result_;
};

WanPipeline::WanPipeline(Parts parts, const ModelChoices& choices)
    : parts_(std::move(parts)),
      schedule_check_(parts_.scheduler),
      choices_(choices),
      text_encoder_(
          parts_.text_encoder.make<models::UMT5EncoderModel>("text_encoder", choices.for_plan)),
      vae_(parts_.vae.make<models::AutoencoderKLWan>("vae", choices.for_plan)) {
  for (std::size_t i = 0; i < parts_.experts.size(); ++i)
    transformers_.push_back(parts_.transformers[i].make<models::WanTransformer3DModel>(
        parts_.experts[i].name, choices.for_plan));
  check_configs(parts_);
  build_graph();
}

std::unique_ptr<Pipeline> WanPipeline::for_plan() const {
  ModelChoices choices = choices_;
  choices.for_plan = true;
  return std::make_unique<WanPipeline>(parts_, choices);
}

std::shared_ptr<const TextPredictor> WanPipeline::make_predictor(Transformer& transformer) const {
  return std::make_shared<TextPredictor>(
      transformer, nn::Attention(choices_.attn_type, choices_.device.type(),
                                 parallel::attention_hook(choices_.context_parallel)));
}

void WanPipeline::build_graph() {
  const nn::Attention attention(choices_.attn_type, choices_.device.type());
  const auto job = graph_.input<Job>();
  GraphBuilder stages(graph_, job, choices_.stages);
  const auto tokens = stages.add(Tokenize{parts_.tokenizer}, job);
  const auto embeddings =
      stages.add(EncodeText{text_encoder_.get(), attention, open_cache()}, tokens, job);
  const auto noise = stages.add(prepare_latents(), job);
  const auto latents = add_denoising(stages, noise, embeddings, job);
  const auto decoded = stages.add(DecodeLatents{vae_.get()}, latents);
  frames_ = stages.input_of(std::string(SaveFrames::name), decoded);
  result_ = stages.add(SaveFrames{}, *frames_, job);
  stages.finish();
}

PrepareLatents WanPipeline::prepare_latents() const {
  const auto& vae = parts_.vae.config;
  return {vae.z_dim, vae.temporal_factor(), vae.spatial_factor()};
}

/// A stage for each expert. The first expert's weights are freed before the second's are loaded,
/// unless the plan keeps both.
graph::Port<graph::Latents> WanPipeline::add_denoising(
    GraphBuilder& stages, graph::Port<graph::Latents> latents,
    graph::Port<graph::TextEmbeddings> embeddings, graph::Port<Job> job) {
  for (std::size_t i = 0; i < parts_.experts.size(); ++i) {
    const Expert& expert = parts_.experts[i];
    DenoiseLoop loop{parts_.scheduler, expert.second ? second_guidance() : Guidance{},
                     expert.least_timestep};
    latents = stages.add(stage_name(expert, parts_.experts.size()),
                         Denoise<graph::TextEmbeddings>{make_predictor(*transformers_[i]), loop},
                         latents, embeddings, job);
  }
  return latents;
}

std::shared_ptr<const PromptCache> WanPipeline::open_cache() const {
  if (choices_.prompt_cache.empty() || choices_.for_plan) return nullptr;
  return std::make_shared<PromptCache>(choices_.prompt_cache, parts_.text_encoder.weights);
}

SizeSteps WanPipeline::size_steps() const {
  return wan::size_steps(parts_.transformers.front().config, parts_.vae.config);
}

std::int64_t WanPipeline::transformer_layers() const {
  std::int64_t most = 0;
  for (const auto& transformer : parts_.transformers)
    most = std::max(most, transformer.config.num_layers);
  return most;
}

double WanPipeline::recomputed_share(const Request& request, const memory::MemoryPlan& plan) const {
  if (plan.vae_tiling != memory::VaeTiling::exact) return 0;
  const std::int64_t factor = vae_->model().config().spatial_factor();
  return models::recomputed_share(vae_->model(), request.height / factor, request.width / factor,
                                  plan.vae_tile_latents);
}

void WanPipeline::check(const Request& request) const {
  check_limits(request, size_steps());
  check_second_scale(request, parts_.has_boundary);
  schedule_check_.check(request);
}

class WanFamily final : public PipelineFamily {
 public:
  std::vector<memory::ComponentRole> components(const ModelFolder& folder) const override {
    std::vector<memory::ComponentRole> components{{"text_encoder", memory::Role::text_encoder}};
    for (const Expert& expert : experts_of(folder))
      components.push_back({expert.name, memory::Role::transformer});
    components.push_back({"vae", memory::Role::vae});
    return components;
  }
  std::unique_ptr<Pipeline> open(const ModelFolder& folder,
                                 const ModelChoices& choices) const override {
    return std::make_unique<WanPipeline>(read_parts(folder, choices), choices);
  }
};
CHITU_REGISTER(PipelineFamily, WanFamily, "WanPipeline");

}  // namespace
}  // namespace chitu::pipelines::wan
