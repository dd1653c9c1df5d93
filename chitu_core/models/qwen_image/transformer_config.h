#pragma once

#include <array>
#include <cstdint>

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// Content of transformer/config.json; the defaults are those of the published class.
struct QwenImageTransformer2DConfig {
  std::int64_t patch_size = 2;    ///< of what the output projection makes
  std::int64_t in_channels = 64;  ///< of a packed token: 4 times the channels of the latents
  std::int64_t out_channels = 16;
  std::int64_t num_layers = 60;
  std::int64_t attention_head_dim = 128;
  std::int64_t num_attention_heads = 24;
  std::int64_t joint_attention_dim = 3584;  ///< width of the prompt embeddings
  /// Channels of a head that encode frame, row and column.
  std::array<std::int64_t, 3> axes_dims_rope{16, 56, 56};

  /// throws  InputError naming file and key: a model that is not supported (guidance-distilled,
  ///         layered), an unknown key, a wrong type, a number out of range
  static QwenImageTransformer2DConfig from_json(const io::JsonObject& json);

  std::int64_t width() const { return num_attention_heads * attention_head_dim; }
  std::int64_t ffn_dim() const { return 4 * width(); }
};

/// Eps of every norm in the transformer; no key sets it.
constexpr double kQwenImageEps = 1e-6;

}  // namespace chitu::models
