#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// Content of transformer/config.json; the defaults are those of the published class.
struct WanTransformer3DConfig {
  std::array<std::int64_t, 3> patch_size{1, 2, 2};  ///< latents per token: frames, rows, columns
  std::int64_t num_attention_heads = 40;
  std::int64_t attention_head_dim = 128;
  std::int64_t in_channels = 16;
  std::int64_t out_channels = 16;
  std::int64_t text_dim = 4096;  ///< width of the prompt embeddings
  std::int64_t freq_dim = 256;   ///< width of the timestep's sinusoidal embedding
  std::int64_t ffn_dim = 13824;  ///< width of the feed-forward's hidden layer
  std::int64_t num_layers = 40;
  bool cross_attn_norm = true;
  double eps = 1e-6;
  std::int64_t rope_max_seq_len = 1024;  ///< tokens per axis
  /// Width of the image encoder's hidden states, which cross-attention sees beside the prompt;
  /// empty = it sees no images.
  std::optional<std::int64_t> image_dim{};
  /// Rows of the first and the last image together, in a model that was trained with both.
  std::optional<std::int64_t> pos_embed_seq_len{};

  /// throws  InputError naming file and key: a key or a value of a model that is not supported
  ///         (VACE, Wan Animate), an unknown key, a wrong type, a number out of range
  static WanTransformer3DConfig from_json(const io::JsonObject& json);

  std::int64_t width() const { return num_attention_heads * attention_head_dim; }
  std::int64_t patch_volume() const { return patch_size[0] * patch_size[1] * patch_size[2]; }
};

}  // namespace chitu::models
