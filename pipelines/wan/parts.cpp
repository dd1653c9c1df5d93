#include "pipelines/wan/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"
#include "pipelines/model/checkpoint_files.h"
#include "pipelines/stages/open_tokenizer.h"
#include "pipelines/stages/scheduling.h"
#include "pipelines/weights/stored_tokenizer.h"

namespace chitu::pipelines::wan {
namespace {

/// Training settings of the text-to-video checkpoints of Wan 2.1.
constexpr RequestDefaults kTrainedFor{832, 480, 81, 50, 5.0, 16};
/// The same for Wan 2.2 A14B. Source: the generate script of the original repository.
constexpr RequestDefaults kTwoExpertsTrainedFor{832, 480, 81, 40, 4.0, 16};
/// What Wan 2.2 TI2V 5B was. Source: as above.
constexpr RequestDefaults kTimestepPerTokenTrainedFor{1280, 704, 121, 50, 5.0, 24};

/// The image-to-video checkpoints of Wan 2.1 and of Wan 2.2 A14B. Source: as above.
constexpr RequestDefaults kTrainedForImages{832, 480, 81, 40, 5.0, 16};
constexpr RequestDefaults kTwoExpertsTrainedForImages{832, 480, 81, 40, 3.5, 16};

/// Class names of CLIP's image processor.
const std::vector<std::string> kImageProcessors{"CLIPImageProcessor", "CLIPImageProcessorFast",
                                                "CLIPImageProcessorPil", "CLIPFeatureExtractor"};

/// Class names of T5's tokenizer in various versions; in every case, its files decide what it does.
const std::vector<std::string> kTokenizers{"T5TokenizerFast", "T5Tokenizer",
                                           "PreTrainedTokenizerFast", "TokenizersBackend",
                                           "AutoTokenizer"};

/// A text-to-video pipeline has no place for an image encoder.
void refuse_image_encoder(const ModelFolder& folder, const io::JsonObject& index) {
  for (const char* key : {"image_encoder", "image_processor"})
    if (folder.class_name == "WanPipeline" && folder.has(key))
      index.fail(key,
                 "expected null in a WanPipeline; image-to-video checkpoints are of "
                 "WanImageToVideoPipeline");
}

/// With expand_timesteps the model takes a timestep per token. Without an image to begin with, all
/// tokens have the same one, which is what the transformer computes for a single timestep.
RequestDefaults trained_for(const io::JsonObject& index, const ImageUse& images) {
  if (index.value_or("expand_timesteps", false)) return kTimestepPerTokenTrainedFor;
  if (images.channels)
    return boundary_ratio(index) ? kTwoExpertsTrainedForImages : kTrainedForImages;
  return boundary_ratio(index) ? kTwoExpertsTrainedFor : kTrainedFor;
}

/// The sentinels of umT5, <extra_id_0> to <extra_id_299>, follow the pieces where the table of the
/// text encoder has room for them.
constexpr std::int64_t kSentinels = 300;

/// The tokenizer that ComfyUI's files of umT5 contain; null if there is none.
std::shared_ptr<const io::Tokenizer> tokenizer_in(const io::Checkpoint& text_encoder) {
  const auto stored = stored_tokenizer(text_encoder);
  if (!stored) return nullptr;
  auto tokenizer = io::Tokenizer::from_sentencepiece(stored->bytes, stored->name, 0);
  const std::int64_t rows = text_encoder.info("shared.weight").shape.at(0);
  if (tokenizer->vocab_size() + kSentinels > rows) return tokenizer;
  return io::Tokenizer::from_sentencepiece(stored->bytes, stored->name, kSentinels);
}

std::shared_ptr<const models::ClipImageProcessor> read_image_processor(const ModelFolder& folder) {
  folder.component("image_processor", "transformers", kImageProcessors);
  return std::make_shared<const models::ClipImageProcessor>(models::ClipImageProcessor::from_json(
      folder.config("image_processor", "preprocessor_config.json")));
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
  refuse_image_encoder(folder, index);
  parts.images = image_use_of(folder, index, parts.experts);
  const auto described = describe(parts.experts, parts.images);
  if (!for_plan) refuse_without_weights(folder);
  parts.folder = folder.path;
  parts.has_boundary = boundary_ratio(index).has_value();
  parts.defaults = folder.request_defaults(trained_for(index, parts.images));
  if (parts.images.embeds) parts.image_processor = read_image_processor(folder);
  parts.components = read_components(described, folder, for_plan);
  parts.tokenizer = open_tokenizer(folder, kTokenizers, for_plan, [&] {
    const auto weights = weights_of(parts.components, "text_encoder");
    return weights ? tokenizer_in(*weights) : nullptr;
  });
  parts.scheduler = read_fixed_scheduler(folder, choices.scheduler);
  return parts;
}

}  // namespace chitu::pipelines::wan
