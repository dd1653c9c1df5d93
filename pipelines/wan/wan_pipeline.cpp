#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/io/json.h"
#include "pipelines/save_frames.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {
namespace {

/// What the text-to-video checkpoints of Wan 2.1 were trained for.
constexpr RequestDefaults kTrainedFor{832, 480, 81, 50, 5.0, 16};
constexpr std::int64_t kTrainedTextLength = 512;

io::JsonObject config_of(const std::filesystem::path& folder) {
  return io::JsonObject::read(folder / "config.json");
}

template <class Model, class Config>
std::unique_ptr<memory::ModelComponent<Model>> open_component(const ModelFolder& folder,
                                                              const std::string& name,
                                                              const std::string& class_name) {
  const auto path = folder.component(name, class_name);
  auto model = std::make_shared<Model>(Config::from_json(config_of(path)));
  return std::make_unique<memory::ModelComponent<Model>>(name, std::move(model),
                                                         std::make_shared<io::Checkpoint>(path));
}

/// Wan 2.2 pipelines share the class name; these entries tell them apart.
void refuse_other_wans(const ModelFolder& folder) {
  for (const char* key : {"transformer_2", "image_encoder", "image_processor"}) {
    const auto found = folder.components.find(key);
    if (found != folder.components.end() && !found->second.empty())
      throw InputError(
          fmt::format("{}: {}: not supported, expected a Wan 2.1 text-to-video checkpoint",
                      (folder.path / "model_index.json").string(), key));
  }
  const auto index = io::JsonObject::read(folder.path / "model_index.json");
  for (const char* key : {"boundary_ratio", "expand_timesteps"}) {
    if (!index.contains(key) || index.json().at(key).is_null() || index.json().at(key) == false)
      continue;
    index.fail(key, "not supported, expected a Wan 2.1 text-to-video checkpoint");
  }
}

/// "48 or 64": the numbers of the form k * step + offset around a number that is not.
std::string nearest_valid(std::int64_t number, std::int64_t step, std::int64_t offset) {
  const std::int64_t below = std::max<std::int64_t>(0, number - offset) / step * step + offset;
  if (below < 1) return fmt::format("{}", below + step);
  return fmt::format("{} or {}", below, below + step);
}

class WanPipeline final : public Pipeline {
 public:
  WanPipeline(const ModelFolder& folder, const ModelChoices& choices);

  const pipeline::Graph& graph() const override { return graph_; }
  std::vector<memory::Component*> components() const override {
    return {text_encoder_.get(), transformer_.get(), vae_.get()};
  }
  RequestDefaults request_defaults() const override { return defaults_; }
  void check(const Request& request) const override;
  pipeline::SavedFiles run(Job job, pipeline::Context& context) const override {
    return graph_.run(std::move(job), *result_, context);
  }

 private:
  void check_configs(const ModelFolder& folder) const;
  void build_graph(const ModelChoices& choices);
  std::shared_ptr<const PromptCache> open_cache(const ModelChoices& choices) const;
  void check_side(const char* field, std::int64_t pixels, std::int64_t patch) const;
  void check_positive(const Request& request) const;

  RequestDefaults defaults_;
  std::shared_ptr<const io::Tokenizer> tokenizer_;
  std::unique_ptr<TextEncoder> text_encoder_;
  std::unique_ptr<Transformer> transformer_;
  std::unique_ptr<Vae> vae_;
  std::shared_ptr<const models::SchedulerFactory> scheduler_;
  pipeline::Graph graph_;
  std::optional<pipeline::Port<pipeline::SavedFiles>> result_;
};

WanPipeline::WanPipeline(const ModelFolder& folder, const ModelChoices& choices)
    : defaults_(folder.request_defaults(kTrainedFor)) {
  refuse_other_wans(folder);
  // The tokenizer's class is a Python name (T5Tokenizer, T5TokenizerFast); its files decide.
  tokenizer_ = io::Tokenizer::load(folder.component("tokenizer", ""));
  text_encoder_ = open_component<models::UMT5EncoderModel, models::UMT5Config>(
      folder, "text_encoder", "UMT5EncoderModel");
  transformer_ = open_component<models::WanTransformer3DModel, models::WanTransformer3DConfig>(
      folder, "transformer", "WanTransformer3DModel");
  vae_ = open_component<models::AutoencoderKLWan, models::WanVaeConfig>(folder, "vae",
                                                                        "AutoencoderKLWan");
  scheduler_ =
      models::SchedulerFactory::read(folder.component("scheduler", "") / "scheduler_config.json");
  check_configs(folder);
  build_graph(choices);
}

/// Each config may be sound and yet not go with its neighbour.
void WanPipeline::check_configs(const ModelFolder& folder) const {
  const auto& text = text_encoder_->model().config();
  const auto& transformer = transformer_->model().config();
  const auto& vae = vae_->model().config();
  const auto differ = [&](const char* what, std::int64_t a, const char* other, std::int64_t b) {
    throw InputError(
        fmt::format("{}: {} is {}, but {} is {}", folder.path.string(), what, a, other, b));
  };
  if (transformer.text_dim != text.d_model)
    differ("text_dim of transformer", transformer.text_dim, "d_model of text_encoder",
           text.d_model);
  if (transformer.in_channels != vae.z_dim)
    differ("in_channels of transformer", transformer.in_channels, "z_dim of vae", vae.z_dim);
  if (transformer.out_channels != vae.z_dim)
    differ("out_channels of transformer", transformer.out_channels, "z_dim of vae", vae.z_dim);
  if (tokenizer_->vocab_size() > text.vocab_size)
    differ("the tokenizer's vocabulary", tokenizer_->vocab_size(), "vocab_size of text_encoder",
           text.vocab_size);
}

void WanPipeline::build_graph(const ModelChoices& choices) {
  const nn::Attention attention(choices.attn_type, choices.device.type());
  const auto& vae = vae_->model().config();
  const auto job = graph_.input<Job>();
  const auto tokens = graph_.add(Tokenize{tokenizer_}, job);
  const auto embeddings =
      graph_.add(EncodeText{text_encoder_.get(), attention, open_cache(choices)}, tokens, job);
  const auto noise =
      graph_.add(PrepareLatents{vae.z_dim, vae.temporal_factor(), vae.spatial_factor()}, job);
  const auto latents =
      graph_.add(Denoise{transformer_.get(), scheduler_, attention}, noise, embeddings, job);
  const auto frames = graph_.add(DecodeLatents{vae_.get()}, latents);
  result_ = graph_.add(SaveFrames{}, frames, job);
}

std::shared_ptr<const PromptCache> WanPipeline::open_cache(const ModelChoices& choices) const {
  if (choices.prompt_cache.empty()) return nullptr;
  return std::make_shared<PromptCache>(choices.prompt_cache, text_encoder_->checkpoint());
}

void WanPipeline::check_side(const char* field, std::int64_t pixels, std::int64_t patch) const {
  const std::int64_t step = vae_->model().config().spatial_factor() * patch;
  if (pixels < step || pixels % step != 0)
    throw InputError(fmt::format("request.{}={}: expected a multiple of {}, the nearest being {}",
                                 field, pixels, step, nearest_valid(pixels, step, 0)));
  const std::int64_t most = transformer_->model().config().rope_max_seq_len * step;
  if (pixels > most)
    throw InputError(fmt::format("request.{}={}: expected at most {}", field, pixels, most));
}

void WanPipeline::check_positive(const Request& request) const {
  const auto demand = [](const char* field, auto value, bool holds, const std::string& expected) {
    if (!holds) throw InputError(fmt::format("request.{}={}: expected {}", field, value, expected));
  };
  demand("num_inference_steps", request.num_inference_steps, request.num_inference_steps >= 1,
         "1 or more");
  demand("guidance_scale", request.guidance_scale, request.guidance_scale >= 0, "0 or more");
  demand("fps", request.fps, request.fps >= 1, "1 or more");
  demand("max_sequence_length", request.max_sequence_length,
         request.max_sequence_length >= 1 && request.max_sequence_length <= kTrainedTextLength,
         fmt::format("1 to {}", kTrainedTextLength));
}

void WanPipeline::check(const Request& request) const {
  const auto& config = transformer_->model().config();
  check_side("width", request.width, config.patch_size[2]);
  check_side("height", request.height, config.patch_size[1]);
  const std::int64_t factor = vae_->model().config().temporal_factor();
  if (request.num_frames < 1 || (request.num_frames - 1) % factor != 0)
    throw InputError(
        fmt::format("request.num_frames={}: expected {}k + 1 frames, the nearest being {}",
                    request.num_frames, factor, nearest_valid(request.num_frames, factor, 1)));
  const std::int64_t latent_frames = (request.num_frames - 1) / factor + 1;
  if (latent_frames % config.patch_size[0] != 0 ||
      latent_frames / config.patch_size[0] > config.rope_max_seq_len)
    throw InputError(fmt::format("request.num_frames={}: expected at most {}", request.num_frames,
                                 (config.rope_max_seq_len - 1) * factor + 1));
  check_positive(request);
}

class WanFamily final : public PipelineFamily {
 public:
  std::unique_ptr<Pipeline> open(const ModelFolder& folder,
                                 const ModelChoices& choices) const override {
    return std::make_unique<WanPipeline>(folder, choices);
  }
};
CHITU_REGISTER(PipelineFamily, WanFamily, "WanPipeline");

}  // namespace
}  // namespace chitu::pipelines::wan
