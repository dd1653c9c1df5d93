#include "pipelines/qwen_image/parts.h"

#include <string>

#include "chitu_core/models/qwen2_5_vl/text_model.h"
#include "chitu_core/models/qwen_image/latents.h"
#include "chitu_core/models/qwen_image/modulation.h"
#include "chitu_core/models/qwen_image/transformer.h"
#include "chitu_core/models/wan/vae.h"
#include "pipelines/model/checkpoint_files.h"
#include "pipelines/stages/open_tokenizer.h"
#include "pipelines/stages/scheduling.h"

namespace chitu::pipelines::qwen_image {
namespace {

/// The square size among those that the model was trained for, and its authors' other settings.
constexpr RequestDefaults kTrainedFor{.width = 1328,
                                      .height = 1328,
                                      .num_frames = 1,
                                      .num_inference_steps = 50,
                                      .guidance_scale = 4.0,
                                      .empty_negative_prompt = false};

const std::vector<std::string> kTokenizers{"Qwen2Tokenizer", "Qwen2TokenizerFast",
                                           "PreTrainedTokenizerFast", "TokenizersBackend",
                                           "AutoTokenizer"};

ComponentDescription describe_vae() {
  auto vae = describe<models::AutoencoderKLWan>(kVae, memory::Role::vae, "diffusers",
                                                {"AutoencoderKLQwenImage"});
  vae.read_config = [](const io::JsonObject& json) -> ComponentMaker {
    return [config = models::qwen_image_vae_config(json)](const std::string& name, auto weights) {
      return std::make_unique<OwnerOf<models::AutoencoderKLWan>>(
          name, std::make_shared<models::AutoencoderKLWan>(config), std::move(weights));
    };
  };
  return vae;
}

template <class Model>
ComponentDescription describe_part_of_transformer(const char* name) {
  auto part = describe<Model>(name, memory::Role::transformer, "diffusers",
                              {"QwenImageTransformer2DModel"});
  part.part_of = kTransformer;
  return part;
}

}  // namespace

std::vector<ComponentDescription> describe_components() {
  std::vector<ComponentDescription> components{
      describe<models::Qwen2_5_VLTextModel>(kTextEncoder, memory::Role::text_encoder,
                                            "transformers", {"Qwen2_5_VLForConditionalGeneration"}),
      describe_part_of_transformer<models::QwenImageTransformer2DModel>(kTransformer),
      describe_part_of_transformer<models::QwenImageModulation>(kModulation), describe_vae()};
  for (ComponentDescription& component : components) component.published_dtype = at::kBFloat16;
  return components;
}

Parts read_parts(const ModelFolder& folder, const ModelChoices& choices) {
  const bool for_plan = choices.for_plan;
  if (!for_plan) refuse_without_weights(folder);
  Parts parts;
  parts.folder = folder.path;
  parts.defaults = folder.request_defaults(kTrainedFor);
  parts.tokenizer = open_tokenizer(folder, kTokenizers, for_plan);
  parts.components = read_components(describe_components(), folder, for_plan);
  parts.scheduler = read_scheduler(folder, choices.scheduler);
  return parts;
}

}  // namespace chitu::pipelines::qwen_image
