#include "pipelines/wan/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"
#include "pipelines/model/checkpoint_files.h"
#include "pipelines/stages/scheduling.h"

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

/// throws  InputError for a schedule that depends on the size of a picture
std::shared_ptr<const models::SchedulerFactory> read_fixed_scheduler(const ModelFolder& folder,
                                                                     const std::string& chosen) {
  auto scheduler = read_scheduler(folder, chosen);
  if (scheduler->make()->mu(1))
    folder.config("scheduler", "scheduler_config.json")
        .fail("use_dynamic_shifting",
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
  parts.scheduler = read_fixed_scheduler(folder, choices.scheduler);
  return parts;
}

}  // namespace chitu::pipelines::wan
