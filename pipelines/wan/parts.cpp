#include "pipelines/wan/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/weight_files.h"

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
  if (!folder.files.empty()) return;
  for (const auto& [name, component] : folder.components)
    if (io::holds_weights(folder.path / name)) return;
  throw InputError(fmt::format(
      "model.ckpt_dir={}: has no weights, enough for `chitu plan` only; to run the model, set "
      "model.ckpt_dir to a downloaded checkpoint, or model.files to files of its weights",
      folder.path.string()));
}

/// Image-to-video pipelines share components with this one; these entries distinguish them.
void refuse_image_to_video(const ModelFolder& folder, const io::JsonObject& index,
                           const std::vector<ComponentDescription>& described) {
  if (std::ranges::count(described, "image_encoder", &ComponentDescription::name)) return;
  const char* expected = "not supported, expected a text-to-video checkpoint of Wan 2.1 or 2.2";
  for (const char* key : {"image_encoder", "image_processor"})
    if (folder.has(key)) index.fail(key, expected);
}

/// With expand_timesteps the model takes a timestep per token. Without an image to begin with, all
/// tokens have the same one, which is what the transformer computes for a single timestep.
RequestDefaults trained_for(const io::JsonObject& index) {
  if (index.value_or("expand_timesteps", false)) return kTimestepPerTokenTrainedFor;
  return boundary_ratio(index) ? kTwoExpertsTrainedFor : kTrainedFor;
}

/// The sentinels of umT5, <extra_id_0> to <extra_id_299>, follow the pieces where the table of the
/// text encoder has room for them.
constexpr std::int64_t kSentinels = 300;

/// The tokenizer that ComfyUI's files of umT5 contain; null if there is none.
std::shared_ptr<const io::Tokenizer> tokenizer_in(const io::Checkpoint& text_encoder) {
  for (const io::TensorFile& file : text_encoder.files())
    for (const io::TensorInfo& tensor : file.tensors()) {
      if (tensor.name != "spiece_model" && !tensor.name.ends_with(".spiece_model")) continue;
      std::string bytes(static_cast<std::size_t>(tensor.size_bytes), '\0');
      file.read_bytes(tensor.offset_bytes, bytes.data(), tensor.size_bytes);
      const std::string name = file.path().string() + ": " + tensor.name;
      auto tokenizer = io::Tokenizer::from_sentencepiece(bytes, name, 0);
      const std::int64_t rows = text_encoder.info("shared.weight").shape.at(0);
      if (tokenizer->vocab_size() + kSentinels > rows) return tokenizer;
      return io::Tokenizer::from_sentencepiece(bytes, name, kSentinels);
    }
  return nullptr;
}

/// Of the file that the user gives, else of the checkpoint, else of the text encoder's weights.
std::shared_ptr<const io::Tokenizer> open_tokenizer(const ModelFolder& folder,
                                                    const io::Checkpoint* text_encoder,
                                                    bool for_plan) {
  if (const auto given = folder.files.find("tokenizer"); given != folder.files.end())
    return io::Tokenizer::load_file(given->second);
  if (!std::filesystem::is_directory(folder.path / "tokenizer")) {
    if (for_plan) return nullptr;
    if (auto found = text_encoder ? tokenizer_in(*text_encoder) : nullptr) return found;
    if (!folder.files.empty())
      throw InputError(
          fmt::format("model.files.tokenizer: missing, as neither model.ckpt_dir={} nor the text "
                      "encoder's file "
                      "has a tokenizer; expected tokenizer.json of the model, as in the folder "
                      "tokenizer of its "
                      "checkpoint in the diffusers layout",
                      folder.path.string()));
  }
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

}  // namespace

Parts read_parts(const ModelFolder& folder, const ModelChoices& choices,
                 DescribeComponents describe) {
  const bool for_plan = choices.for_plan;
  const auto index = folder.index();
  Parts parts;
  parts.experts = experts_of(folder, index);
  const auto described = describe(folder, parts.experts);
  refuse_image_to_video(folder, index, described);
  if (!for_plan) refuse_without_weights(folder);
  parts.folder = folder.path;
  parts.has_boundary = boundary_ratio(index).has_value();
  parts.defaults = folder.request_defaults(trained_for(index));
  parts.components = read_components(described, folder, for_plan);
  parts.tokenizer =
      open_tokenizer(folder, weights_of(parts.components, "text_encoder").get(), for_plan);
  parts.scheduler = read_scheduler(folder, choices.scheduler);
  return parts;
}

}  // namespace chitu::pipelines::wan
