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
  for (const auto& [name, component] : folder.components)
    if (io::holds_weights(folder.path / name)) return;
  throw InputError(fmt::format(
      "model.ckpt_dir={}: has no weights, enough for `chitu plan` only; to run the model, set "
      "model.ckpt_dir to a downloaded checkpoint",
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
  parts.tokenizer = open_tokenizer(folder, for_plan);
  parts.components = read_components(described, folder, for_plan);
  parts.scheduler = read_scheduler(folder, choices.scheduler);
  return parts;
}

}  // namespace chitu::pipelines::wan
