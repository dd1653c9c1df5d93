#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/weight_files.h"
#include "chitu_core/models/wan/vae_tiling.h"
#include "chitu_core/parallel/attention_hook.h"
#include "pipelines/stages/denoise.h"
#include "pipelines/stages/save_frames.h"
#include "pipelines/stages/schedule_check.h"
#include "pipelines/wan/predictor.h"
#include "pipelines/wan/stages.h"

namespace chitu::pipelines::wan {
namespace {

/// What the text-to-video checkpoints of Wan 2.1 were trained for.
constexpr RequestDefaults kTrainedFor{832, 480, 81, 50, 5.0, 16};
constexpr std::int64_t kTrainedTextLength = 512;
/// Of the files on the hub, for plans without files.
constexpr at::ScalarType kPublishedDtype = at::kFloat;

/// Names that T5's tokenizer has had; whichever it is, its files decide what it does.
const std::vector<std::string> kTokenizers{"T5TokenizerFast", "T5Tokenizer",
                                           "PreTrainedTokenizerFast", "TokenizersBackend",
                                           "AutoTokenizer"};

/// The weights in a component's folder; null where a plan does without.
std::shared_ptr<const io::Checkpoint> open_weights(const std::filesystem::path& folder,
                                                   bool for_plan) {
  const auto is_weights = [](const std::filesystem::directory_entry& entry) {
    return entry.path().extension() == ".safetensors";
  };
  if (for_plan && std::none_of(std::filesystem::directory_iterator(folder), {}, is_weights))
    return nullptr;
  return std::make_shared<io::Checkpoint>(folder);
}

/// One component as its folder describes it.
template <class Config>
struct Part {
  Config config;
  std::shared_ptr<const io::Checkpoint> weights;

  static Part read(const ModelFolder& folder, const std::string& name, const std::string& library,
                   const std::string& class_name, bool for_plan) {
    const auto path = folder.component(name, library, {class_name});
    return {Config::from_json(folder.config(name, "config.json")), open_weights(path, for_plan)};
  }

  template <class Model>
  std::unique_ptr<memory::ModelComponent<Model>> make(const std::string& name,
                                                      bool for_plan) const {
    std::shared_ptr<const memory::WeightSource> source;
    if (for_plan)
      source = std::make_shared<memory::DryRunWeights>(weights, kPublishedDtype);
    else
      source = std::make_shared<memory::FileWeights>(weights);
    return std::make_unique<memory::ModelComponent<Model>>(name, std::make_shared<Model>(config),
                                                           std::move(source));
  }
};

/// The folders that come with chitu for plans hold configs alone.
void refuse_without_weights(const ModelFolder& folder) {
  for (const auto& [name, component] : folder.components)
    if (io::holds_weights(folder.path / name)) return;
  throw InputError(fmt::format(
      "model.ckpt_dir={}: holds no weights, enough for `chitu plan` alone; to run the model, set "
      "model.ckpt_dir to a downloaded checkpoint",
      folder.path.string()));
}

/// What the folder of a checkpoint says.
struct Parts {
  std::filesystem::path folder;
  RequestDefaults defaults;
  std::shared_ptr<const io::Tokenizer> tokenizer;  ///< null where a plan found none
  Part<models::UMT5Config> text_encoder;
  Part<models::WanTransformer3DConfig> transformer;
  Part<models::WanVaeConfig> vae;
  std::shared_ptr<const models::SchedulerFactory> scheduler;
};

/// Wan 2.2 pipelines share the class name; these entries tell them apart.
void refuse_other_wans(const ModelFolder& folder) {
  for (const char* key : {"transformer_2", "image_encoder", "image_processor"})
    if (folder.has(key))
      throw InputError(
          fmt::format("{}: {}: not supported, expected a Wan 2.1 text-to-video checkpoint",
                      (folder.path / "model_index.json").string(), key));
  const auto index = io::JsonObject::read(folder.path / "model_index.json");
  for (const char* key : {"boundary_ratio", "expand_timesteps"}) {
    if (!index.contains(key) || index.json().at(key).is_null() || index.json().at(key) == false)
      continue;
    index.fail(key, "not supported, expected a Wan 2.1 text-to-video checkpoint");
  }
}

/// The values of a size: first, first + step and so on, up to most, which is one of them.
struct SizeGrid {
  std::int64_t first, step, most;

  bool holds(std::int64_t number) const {
    return number >= first && number <= most && (number - first) % step == 0;
  }
  /// "48 or 64": the values around a number between them.
  std::string nearest(std::int64_t number) const {
    if (number < first) return fmt::format("{}", first);
    const std::int64_t below = first + (number - first) / step * step;
    return below == most ? fmt::format("{}", below) : fmt::format("{} or {}", below, below + step);
  }
};

/// throws  InputError naming the field, what is expected, and values that hold
void check_size(const char* field, std::int64_t number, const SizeGrid& grid,
                const std::string& expected) {
  if (grid.holds(number)) return;
  if (number > grid.most)
    throw InputError(fmt::format("request.{}={}: expected at most {}", field, number, grid.most));
  throw InputError(fmt::format("request.{}={}: expected {}, the nearest being {}", field, number,
                               expected, grid.nearest(number)));
}

class WanPipeline final : public Pipeline {
 public:
  WanPipeline(Parts parts, const ModelChoices& choices);

  const graph::Graph& graph() const override { return graph_; }
  std::vector<memory::Component*> components() const override {
    return {text_encoder_.get(), transformer_.get(), vae_.get()};
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
  std::int64_t transformer_layers() const override { return parts_.transformer.config.num_layers; }
  std::unique_ptr<Pipeline> for_plan() const override;

 private:
  void check_configs() const;
  void build_graph();
  PrepareLatents prepare_latents() const {
    const auto& vae = parts_.vae.config;
    return {vae.z_dim, vae.temporal_factor(), vae.spatial_factor()};
  }
  std::shared_ptr<const TextPredictor> make_predictor() const;
  std::shared_ptr<const PromptCache> open_cache() const;
  void check_positive(const Request& request) const;

  Parts parts_;
  ScheduleCheck schedule_check_;
  ModelChoices choices_;
  std::unique_ptr<TextEncoder> text_encoder_;
  std::unique_ptr<Transformer> transformer_;
  std::unique_ptr<Vae> vae_;
  graph::Graph graph_;
  std::optional<graph::Port<graph::Frames>> frames_;
  std::optional<graph::Port<graph::SavedFiles>> result_;
};

std::shared_ptr<const io::Tokenizer> open_tokenizer(const ModelFolder& folder, bool for_plan) {
  if (for_plan && !std::filesystem::is_directory(folder.path / "tokenizer")) return nullptr;
  return io::Tokenizer::load(folder.component("tokenizer", "transformers", kTokenizers));
}

std::shared_ptr<const models::SchedulerFactory> read_scheduler(const ModelFolder& folder) {
  const auto known = Registry<models::SchedulerClass>::instance().names();
  folder.component("scheduler", "diffusers", known);
  const auto config = folder.config("scheduler", "scheduler_config.json");
  auto scheduler = std::make_shared<const models::SchedulerFactory>(
      config, folder.components.at("scheduler").name);
  if (scheduler->make()->mu(1))
    config.fail("use_dynamic_shifting",
                "true is not supported here: the pipeline does not tell the size of the picture");
  return scheduler;
}

Parts read_parts(const ModelFolder& folder, bool for_plan) {
  refuse_other_wans(folder);
  if (!for_plan) refuse_without_weights(folder);
  const auto read = [&](auto part, const char* name, const char* library, const char* class_name) {
    return decltype(part)::read(folder, name, library, class_name, for_plan);
  };
  return {folder.path,
          folder.request_defaults(kTrainedFor),
          open_tokenizer(folder, for_plan),
          read(Part<models::UMT5Config>(), "text_encoder", "transformers", "UMT5EncoderModel"),
          read(Part<models::WanTransformer3DConfig>(), "transformer", "diffusers",
               "WanTransformer3DModel"),
          read(Part<models::WanVaeConfig>(), "vae", "diffusers", "AutoencoderKLWan"),
          read_scheduler(folder)};
}

WanPipeline::WanPipeline(Parts parts, const ModelChoices& choices)
    : parts_(std::move(parts)),
      schedule_check_(parts_.scheduler),
      choices_(choices),
      text_encoder_(
          parts_.text_encoder.make<models::UMT5EncoderModel>("text_encoder", choices.for_plan)),
      transformer_(
          parts_.transformer.make<models::WanTransformer3DModel>("transformer", choices.for_plan)),
      vae_(parts_.vae.make<models::AutoencoderKLWan>("vae", choices.for_plan)) {
  check_configs();
  build_graph();
}

std::unique_ptr<Pipeline> WanPipeline::for_plan() const {
  ModelChoices choices = choices_;
  choices.for_plan = true;
  return std::make_unique<WanPipeline>(parts_, choices);
}

/// Each config may be sound and yet not go with its neighbour.
void WanPipeline::check_configs() const {
  const auto& text = parts_.text_encoder.config;
  const auto& transformer = parts_.transformer.config;
  const auto& vae = parts_.vae.config;
  const auto differ = [&](const char* what, std::int64_t a, const char* other, std::int64_t b) {
    throw InputError(
        fmt::format("{}: {} is {}, but {} is {}", parts_.folder.string(), what, a, other, b));
  };
  if (transformer.text_dim != text.d_model)
    differ("text_dim of transformer", transformer.text_dim, "d_model of text_encoder",
           text.d_model);
  if (transformer.in_channels != vae.z_dim)
    differ("in_channels of transformer", transformer.in_channels, "z_dim of vae", vae.z_dim);
  if (transformer.out_channels != vae.z_dim)
    differ("out_channels of transformer", transformer.out_channels, "z_dim of vae", vae.z_dim);
  if (parts_.tokenizer && parts_.tokenizer->vocab_size() > text.vocab_size)
    differ("the tokenizer's vocabulary", parts_.tokenizer->vocab_size(),
           "vocab_size of text_encoder", text.vocab_size);
}

std::shared_ptr<const TextPredictor> WanPipeline::make_predictor() const {
  return std::make_shared<TextPredictor>(
      *transformer_, nn::Attention(choices_.attn_type, choices_.device.type(),
                                   parallel::attention_hook(choices_.context_parallel)));
}

void WanPipeline::build_graph() {
  const nn::Attention attention(choices_.attn_type, choices_.device.type());
  const auto job = graph_.input<Job>();
  const auto tokens = graph_.add(Tokenize{parts_.tokenizer}, job);
  const auto embeddings =
      graph_.add(EncodeText{text_encoder_.get(), attention, open_cache()}, tokens, job);
  const auto noise = graph_.add(prepare_latents(), job);
  const auto latents = graph_.add(
      Denoise<graph::TextEmbeddings>{make_predictor(), {parts_.scheduler}}, noise, embeddings, job);
  frames_ = graph_.add(DecodeLatents{vae_.get()}, latents);
  result_ = graph_.add(SaveFrames{}, *frames_, job);
}

std::shared_ptr<const PromptCache> WanPipeline::open_cache() const {
  if (choices_.prompt_cache.empty() || choices_.for_plan) return nullptr;
  return std::make_shared<PromptCache>(choices_.prompt_cache, parts_.text_encoder.weights);
}

SizeSteps WanPipeline::size_steps() const {
  const auto& config = transformer_->model().config();
  const auto& vae = vae_->model().config();
  const auto [frames, rows, columns] = config.patch_size;
  SizeSteps steps;
  steps.width = vae.spatial_factor() * columns;
  steps.height = vae.spatial_factor() * rows;
  steps.most_width = config.rope_max_seq_len * steps.width;
  steps.most_height = config.rope_max_seq_len * steps.height;
  steps.first_frames = (frames - 1) * vae.temporal_factor() + 1;
  steps.frames = frames * vae.temporal_factor();
  steps.most_frames = steps.first_frames + (config.rope_max_seq_len - 1) * steps.frames;
  return steps;
}

double WanPipeline::recomputed_share(const Request& request, const memory::MemoryPlan& plan) const {
  if (plan.vae_tiling != memory::VaeTiling::exact) return 0;
  const std::int64_t factor = vae_->model().config().spatial_factor();
  return models::recomputed_share(vae_->model(), request.height / factor, request.width / factor,
                                  plan.vae_tile_latents);
}

void WanPipeline::check_positive(const Request& request) const {
  const auto demand = [](const char* field, auto value, bool holds, const std::string& expected) {
    if (!holds) throw InputError(fmt::format("request.{}={}: expected {}", field, value, expected));
  };
  demand("num_inference_steps", request.num_inference_steps, request.num_inference_steps >= 1,
         "1 or more");
  demand("guidance_scale", request.guidance_scale,
         request.guidance_scale >= 0 && std::isfinite(request.guidance_scale), "0 or more");
  demand("fps", request.fps, request.fps >= 1, "1 or more");
  demand("max_sequence_length", request.max_sequence_length,
         request.max_sequence_length >= 1 && request.max_sequence_length <= kTrainedTextLength,
         fmt::format("1 to {}", kTrainedTextLength));
}

void WanPipeline::check(const Request& request) const {
  const SizeSteps steps = size_steps();
  const auto side = [](const char* field, std::int64_t pixels, std::int64_t step,
                       std::int64_t most) {
    check_size(field, pixels, {step, step, most}, fmt::format("a multiple of {}", step));
  };
  side("width", request.width, steps.width, steps.most_width);
  side("height", request.height, steps.height, steps.most_height);
  check_size("num_frames", request.num_frames,
             {steps.first_frames, steps.frames, steps.most_frames},
             fmt::format("{}k + {} frames", steps.frames, steps.first_frames));
  check_positive(request);
  schedule_check_.check(request);
}

class WanFamily final : public PipelineFamily {
 public:
  std::vector<memory::ComponentRole> components(const ModelFolder&) const override {
    return {{"text_encoder", memory::Role::text_encoder},
            {"transformer", memory::Role::transformer},
            {"vae", memory::Role::vae}};
  }
  std::unique_ptr<Pipeline> open(const ModelFolder& folder,
                                 const ModelChoices& choices) const override {
    return std::make_unique<WanPipeline>(read_parts(folder, choices.for_plan), choices);
  }
};
CHITU_REGISTER(PipelineFamily, WanFamily, "WanPipeline");

}  // namespace
}  // namespace chitu::pipelines::wan
