#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// The text model's part of text_encoder/config.json: in text_config, or in files without that,
/// beside the other keys. Other keys describe the vision tower, training and text generation.
struct Qwen2_5_VLTextConfig {
  std::int64_t vocab_size = 152064;
  std::int64_t hidden_size = 8192;
  std::int64_t intermediate_size = 29568;
  std::int64_t num_hidden_layers = 80;
  std::int64_t num_attention_heads = 64;
  std::int64_t num_key_value_heads = 8;  ///< each serves several heads of queries
  double rms_norm_eps = 1e-5;
  double rope_theta = 1e6;
  /// Per layer: how many tokens back a token sees, itself included; empty = all.
  std::vector<std::optional<std::int64_t>> windows{};

  /// throws  InputError naming file and key: scaled positions, another activation, quantized
  ///         weights, a wrong type, a number out of range
  static Qwen2_5_VLTextConfig from_json(const io::JsonObject& json);

  std::int64_t head_dim() const { return hidden_size / num_attention_heads; }
};

}  // namespace chitu::models
