#include "pipelines/wan/image_use.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"

namespace chitu::pipelines::wan {
namespace {

bool has_number(const io::JsonObject& config, const char* key) {
  return config.value_or<std::optional<std::int64_t>>(key, std::nullopt).has_value();
}

/// throws  InputError if a key that makes an image-to-video transformer is set
void refuse_image_keys(const io::JsonObject& config, const std::string& pipeline) {
  if (has_number(config, "image_dim"))
    config.fail("image_dim", "expected null in a checkpoint of " + pipeline +
                                 "; image-to-video checkpoints are of WanImageToVideoPipeline");
}

void check_image_encoder(const ModelFolder& folder, const io::JsonObject& index) {
  for (const auto& [key, name] : {std::pair{"image_encoder", "CLIPVisionModel"},
                                  std::pair{"image_processor", "CLIPImageProcessor"}})
    if (!folder.has(key))
      index.fail(key, fmt::format("expected [\"transformers\", \"{}\"], since image_dim of the "
                                  "transformer is set",
                                  name));
}

}  // namespace

ImageUse image_use_of(const ModelFolder& folder, const io::JsonObject& index,
                      const std::vector<Expert>& experts) {
  const bool image_to_video = folder.class_name == "WanImageToVideoPipeline";
  const bool expands = index.value_or("expand_timesteps", false);
  ImageUse use{
      .required = image_to_video, .first_frame = expands, .channels = image_to_video && !expands};
  for (const Expert& expert : experts) {
    const auto config = folder.config(expert.name, "config.json");
    if (!use.channels) {
      refuse_image_keys(config, expands ? "a timestep per token" : folder.class_name);
      continue;
    }
    use.embeds = use.embeds || has_number(config, "image_dim");
    use.last_image_required = use.last_image_required || has_number(config, "pos_embed_seq_len");
  }
  if (use.embeds) check_image_encoder(folder, index);
  return use;
}

std::int64_t picture_count(const Request& request, const ImageUse& use) {
  if (!use.any()) return 0;
  if (!request.image && !use.required) return 0;
  return request.last_image || use.last_image_required ? 2 : 1;
}

void check_pictures(const Request& request, const ImageUse& use, bool for_plan) {
  const auto refuse = [](const char* key, const std::optional<std::string>& path,
                         const std::string& expected) {
    throw InputError(
        fmt::format("request.{}={}: expected {}", key, path.value_or("null"), expected));
  };
  const char* const kPicture = "a PNG, JPEG or WebP file";
  if (request.image && !use.any())
    refuse("image", request.image, "null: this checkpoint makes videos from text alone");
  if (request.last_image && !use.last_image_allowed())
    refuse("last_image", request.last_image,
           use.any() ? "null: this checkpoint knows a first image only"
                     : "null: this checkpoint makes videos from text alone");
  if (!request.image && (request.last_image || (use.required && !for_plan)))
    refuse("image", request.image,
           fmt::format("{}: this checkpoint makes videos from an image", kPicture));
  if (!request.last_image && use.last_image_required && !for_plan)
    refuse("last_image", request.last_image,
           fmt::format("{}: this checkpoint makes videos from a first and a last image", kPicture));
  if (request.last_image && request.num_frames < 2)
    throw InputError(
        fmt::format("request.num_frames={}: expected 5 or more, for a first and a last image",
                    request.num_frames));
}

}  // namespace chitu::pipelines::wan
