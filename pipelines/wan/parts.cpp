#include "pipelines/wan/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/io/json.h"

namespace chitu::pipelines::wan {
namespace {

/// What the text-to-video checkpoints of Wan 2.1 were trained for.
constexpr RequestDefaults kTrainedFor{832, 480, 81, 50, 5.0, 16};

/// Names that T5's tokenizer has had; whichever it is, its files decide what it does.
const std::vector<std::string> kTokenizers{"T5TokenizerFast", "T5Tokenizer",
                                           "PreTrainedTokenizerFast", "TokenizersBackend",
                                           "AutoTokenizer"};

/// The folders that come with chitu for plans hold configs alone.
void refuse_without_weights(const ModelFolder& folder) {
  for (const auto& [name, component] : folder.components)
    if (io::holds_weights(folder.path / name)) return;
  throw InputError(fmt::format(
      "model.ckpt_dir={}: holds no weights, enough for `chitu plan` alone; to run the model, set "
      "model.ckpt_dir to a downloaded checkpoint",
      folder.path.string()));
}

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

/// Each config may be sound and yet not go with its neighbour.
void check_configs(const Parts& parts) {
  const auto& text = parts.text_encoder.config;
  const auto& transformer = parts.transformer.config;
  const auto& vae = parts.vae.config;
  const auto differ = [&](const char* what, std::int64_t a, const char* other, std::int64_t b) {
    throw InputError(
        fmt::format("{}: {} is {}, but {} is {}", parts.folder.string(), what, a, other, b));
  };
  if (transformer.text_dim != text.d_model)
    differ("text_dim of transformer", transformer.text_dim, "d_model of text_encoder",
           text.d_model);
  if (transformer.in_channels != vae.z_dim)
    differ("in_channels of transformer", transformer.in_channels, "z_dim of vae", vae.z_dim);
  if (transformer.out_channels != vae.z_dim)
    differ("out_channels of transformer", transformer.out_channels, "z_dim of vae", vae.z_dim);
  if (parts.tokenizer && parts.tokenizer->vocab_size() > text.vocab_size)
    differ("the tokenizer's vocabulary", parts.tokenizer->vocab_size(),
           "vocab_size of text_encoder", text.vocab_size);
}

}  // namespace

std::shared_ptr<const io::Checkpoint> open_weights(const std::filesystem::path& folder,
                                                   bool for_plan) {
  const auto is_weights = [](const std::filesystem::directory_entry& entry) {
    return entry.path().extension() == ".safetensors";
  };
  if (for_plan && std::none_of(std::filesystem::directory_iterator(folder), {}, is_weights))
    return nullptr;
  return std::make_shared<io::Checkpoint>(folder);
}

Parts read_parts(const ModelFolder& folder, bool for_plan) {
  refuse_other_wans(folder);
  if (!for_plan) refuse_without_weights(folder);
  const auto read = [&](auto part, const char* name, const char* library, const char* class_name) {
    return decltype(part)::read(folder, name, library, class_name, for_plan);
  };
  Parts parts{folder.path,
              folder.request_defaults(kTrainedFor),
              open_tokenizer(folder, for_plan),
              read(Part<models::UMT5Config>(), "text_encoder", "transformers", "UMT5EncoderModel"),
              read(Part<models::WanTransformer3DConfig>(), "transformer", "diffusers",
                   "WanTransformer3DModel"),
              read(Part<models::WanVaeConfig>(), "vae", "diffusers", "AutoencoderKLWan"),
              read_scheduler(folder)};
  check_configs(parts);
  return parts;
}

}  // namespace chitu::pipelines::wan
