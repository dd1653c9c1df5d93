#pragma once

#include <cstdint>

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// The encoder's part of text_encoder/config.json. Other keys describe the decoder, training and
/// text generation.
struct UMT5Config {
  std::int64_t vocab_size = 250112;
  std::int64_t d_model = 512;
  std::int64_t d_kv = 64;  ///< width of a head; num_heads * d_kv may differ from d_model
  std::int64_t d_ff = 1024;
  std::int64_t num_layers = 8;
  std::int64_t num_heads = 6;
  std::int64_t relative_attention_num_buckets = 32;
  std::int64_t relative_attention_max_distance = 128;
  double layer_norm_epsilon = 1e-6;

  /// throws  InputError naming file and key: a feed-forward unlike umT5's, quantized weights, a
  ///         wrong type, a number out of range
  static UMT5Config from_json(const io::JsonObject& json);
};

}  // namespace chitu::models
