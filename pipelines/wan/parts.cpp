#include "pipelines/wan/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/io/json.h"
#include "chitu_core/models/schedulers/schedule.h"

namespace chitu::pipelines::wan {
namespace {

/// Training settings of the text-to-video checkpoints of Wan 2.1.
constexpr RequestDefaults kTrainedFor{832, 480, 81, 50, 5.0, 16};
/// The same for Wan 2.2 A14B. Source: the generate script of the original repository.
constexpr RequestDefaults kTwoExpertsTrainedFor{832, 480, 81, 40, 4.0, 16};
/// What Wan 2.2 TI2V 5B was. Source: as above.
constexpr RequestDefaults kTimestepPerTokenTrainedFor{1280, 704, 121, 50, 5.0, 24};

/// Class names of T5's tokenizer in various versions; in every case, its files decide what it does.
const std::vector<std::string> kTokenizers{"T5TokenizerFast", "T5Tokenizer",
                                           "PreTrainedTokenizerFast", "TokenizersBackend",
                                           "AutoTokenizer"};

/// The model folders that ship with chitu contain configs only.
void refuse_without_weights(const ModelFolder& folder) {
  for (const auto& [name, component] : folder.components)
    if (io::holds_weights(folder.path / name)) return;
  throw InputError(fmt::format(
      "model.ckpt_dir={}: has no weights, enough for `chitu plan` only; to run the model, set "
      "model.ckpt_dir to a downloaded checkpoint",
      folder.path.string()));
}

/// Image-to-video pipelines share components with this one; these entries distinguish them.
void refuse_other_wans(const ModelFolder& folder, const io::JsonObject& index) {
  const char* expected = "not supported, expected a text-to-video checkpoint of Wan 2.1 or 2.2";
  for (const char* key : {"image_encoder", "image_processor"})
    if (folder.has(key)) index.fail(key, expected);
}

/// Empty where one transformer takes all steps.
std::optional<double> boundary_ratio(const io::JsonObject& index) {
  const auto ratio = index.value_or<std::optional<double>>("boundary_ratio", std::nullopt);
  if (ratio && !(*ratio >= 0 && *ratio <= 1))
    index.fail("boundary_ratio", "expected null or a number from 0 to 1");
  return ratio;
}

/// With expand_timesteps the model takes a timestep per token. Without an image to begin with, all
/// tokens have the same one, which is what the transformer computes for a single timestep.
RequestDefaults trained_for(const io::JsonObject& index) {
  if (index.value_or("expand_timesteps", false)) return kTimestepPerTokenTrainedFor;
  return boundary_ratio(index) ? kTwoExpertsTrainedFor : kTrainedFor;
}

std::shared_ptr<const io::Tokenizer> open_tokenizer(const ModelFolder& folder, bool for_plan) {
  if (for_plan && !std::filesystem::is_directory(folder.path / "tokenizer")) return nullptr;
  return io::Tokenizer::load(folder.component("tokenizer", "transformers", kTokenizers));
}

std::shared_ptr<const models::SchedulerFactory> read_scheduler(const ModelFolder& folder,
                                                               const std::string& chosen) {
  const auto registered = Registry<models::SchedulerClass>::instance().names();
  auto accepted = registered;
  if (!chosen.empty()) {
    if (std::ranges::find(registered, chosen) == registered.end())
      throw InputError(fmt::format("model.scheduler={}: unknown scheduler, {}", chosen,
                                   expected_one_of(chosen, registered)));
    // The checkpoint's own class only gives its config.
    if (folder.has("scheduler")) accepted.push_back(folder.components.at("scheduler").name);
  }
  folder.component("scheduler", "diffusers", accepted);
  const auto config = folder.config("scheduler", "scheduler_config.json");
  auto scheduler = std::make_shared<const models::SchedulerFactory>(
      config, chosen.empty() ? folder.components.at("scheduler").name : chosen);
  if (scheduler->make()->mu(1))
    config.fail("use_dynamic_shifting",
                "true is not supported here: the pipeline does not pass the size of the picture");
  return scheduler;
}

std::vector<Expert> experts_in(const ModelFolder& folder, const io::JsonObject& index) {
  const auto ratio = boundary_ratio(index);
  if (!ratio) return {{.name = "transformer"}};
  const auto expect = [&](const char* name) {
    if (!folder.has(name))
      index.fail(name, fmt::format("expected [\"diffusers\", \"WanTransformer3DModel\"], since "
                                   "boundary_ratio {} leaves it steps to take",
                                   *ratio));
  };
  if (*ratio < 1) expect("transformer");
  if (*ratio > 0) expect("transformer_2");
  const double boundary = *ratio * static_cast<double>(models::num_train_timesteps(
                                       folder.config("scheduler", "scheduler_config.json")));
  std::vector<Expert> experts;
  if (folder.has("transformer"))
    experts.push_back({"transformer", folder.has("transformer_2") ? boundary : 0});
  if (folder.has("transformer_2")) experts.push_back({"transformer_2", 0, true});
  return experts;
}

/// throws  InputError if two numbers differ that must be equal
void check_same(const Parts& parts, const std::string& what, std::int64_t a,
                const std::string& other, std::int64_t b) {
  if (a != b)
    throw InputError(
        fmt::format("{}: {} is {}, but {} is {}", parts.folder.string(), what, a, other, b));
}

void check_transformer(const Parts& parts, std::size_t at) {
  const std::string& name = parts.experts[at].name;
  const auto& transformer = parts.transformers[at].config;
  const auto& vae = parts.vae.config;
  check_same(parts, "text_dim of " + name, transformer.text_dim, "d_model of text_encoder",
             parts.text_encoder.config.d_model);
  check_same(parts, "in_channels of " + name, transformer.in_channels, "z_dim of vae", vae.z_dim);
  check_same(parts, "out_channels of " + name, transformer.out_channels, "z_dim of vae", vae.z_dim);
  const auto& first = parts.transformers.front().config;
  for (const std::size_t side : {0, 1, 2})
    check_same(parts, fmt::format("patch_size[{}] of {}", side, name), transformer.patch_size[side],
               fmt::format("that of {}", parts.experts.front().name), first.patch_size[side]);
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

std::vector<Expert> experts_of(const ModelFolder& folder) {
  return experts_in(folder, folder.index());
}

Parts read_parts(const ModelFolder& folder, const ModelChoices& choices) {
  const bool for_plan = choices.for_plan;
  const auto index = folder.index();
  refuse_other_wans(folder, index);
  if (!for_plan) refuse_without_weights(folder);
  const auto read = [&](auto part, const std::string& name, const char* library,
                        const char* class_name) {
    return decltype(part)::read(folder, name, library, class_name, for_plan);
  };
  Parts parts;
  parts.folder = folder.path;
  parts.has_boundary = boundary_ratio(index).has_value();
  parts.defaults = folder.request_defaults(trained_for(index));
  parts.tokenizer = open_tokenizer(folder, for_plan);
  parts.text_encoder =
      read(Part<models::UMT5Config>(), "text_encoder", "transformers", "UMT5EncoderModel");
  parts.experts = experts_in(folder, index);
  for (const Expert& expert : parts.experts)
    parts.transformers.push_back(read(Part<models::WanTransformer3DConfig>(), expert.name,
                                      "diffusers", "WanTransformer3DModel"));
  parts.vae = read(Part<models::WanVaeConfig>(), "vae", "diffusers", "AutoencoderKLWan");
  parts.scheduler = read_scheduler(folder, choices.scheduler);
  return parts;
}

void check_configs(const Parts& parts) {
  for (std::size_t i = 0; i < parts.experts.size(); ++i) check_transformer(parts, i);
  const auto& text = parts.text_encoder.config;
  if (parts.tokenizer && parts.tokenizer->vocab_size() > text.vocab_size)
    check_same(parts, "the tokenizer's vocabulary", parts.tokenizer->vocab_size(),
               "vocab_size of text_encoder", text.vocab_size);
}

}  // namespace chitu::pipelines::wan
