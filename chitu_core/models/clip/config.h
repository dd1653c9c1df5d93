#pragma once

#include <cstdint>
#include <string>

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// Content of image_encoder/config.json; the defaults are those of the published class.
struct CLIPVisionConfig {
  std::int64_t hidden_size = 768;
  std::int64_t intermediate_size = 3072;
  std::int64_t num_hidden_layers = 12;
  std::int64_t num_attention_heads = 12;
  std::int64_t image_size = 224;  ///< pixels per side
  std::int64_t patch_size = 32;   ///< pixels per side
  std::string hidden_act = "quick_gelu";
  double layer_norm_eps = 1e-5;

  /// throws  InputError naming file and key: quantized weights, an activation that is not
  ///         supported, a wrong type, a number out of range
  static CLIPVisionConfig from_json(const io::JsonObject& json);

  /// Rows of the hidden states: one for the picture, one for each patch.
  std::int64_t positions() const { return image_size / patch_size * (image_size / patch_size) + 1; }
};

}  // namespace chitu::models
