#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/cache/choice.h"
#include "pipelines/model/lora_choice.h"

namespace chitu {

/// A LoRA for the transformers of a model, as an entry of `model.loras`.
using Lora = pipelines::LoraChoice;

/// Parameters of a cache, as `request.flexcache_params`.
using CacheParams = cache::Params;

/// One generation. An empty field has the value of the engine's configuration, or else the default
/// of the checkpoint. The fields are the keys of the group `request`. New ones come at the end.
struct Request {
  std::optional<std::string> prompt{};
  std::optional<std::string> negative_prompt{};       ///< what to steer away from
  std::optional<std::int64_t> width{};                ///< pixels
  std::optional<std::int64_t> height{};               ///< pixels
  std::optional<std::int64_t> num_frames{};           ///< pictures
  std::optional<std::int64_t> num_inference_steps{};  ///< denoising steps
  std::optional<double> guidance_scale{};             ///< no unit; 1 or less turns guidance off
  std::optional<std::uint64_t> seed{};                ///< of the noise
  std::optional<std::int64_t> fps{};                  ///< frames per second in a file
  std::optional<std::int64_t> max_sequence_length{};  ///< tokens of the prompt that count
  std::optional<double> flow_shift{};                 ///< of the scheduler
  std::optional<double> guidance_scale_2{};  ///< of the second transformer, where there are two
  /// A PNG, JPEG or WebP file that the video begins with, or that it ends with.
  std::optional<std::string> image{}, last_image{};
  /// What these files must have, in lower-case hexadecimal; empty = any.
  std::optional<std::string> image_sha256{}, last_image_sha256{};
  /// Instead of model.loras; an empty list = none. An engine opens its checkpoint again for a
  /// request with others than the one before: give those with the same ones in a row.
  std::optional<std::vector<Lora>> loras{};
  /// The cache that reuses results of earlier steps, such as "teacache"; empty = none.
  std::optional<std::string> flexcache{};
  /// Its parameters by name: a bool, a number or a list of numbers each.
  std::optional<CacheParams> flexcache_params{};
  bool operator==(const Request&) const = default;
};

}  // namespace chitu
