#include "chitu_core/models/umt5/config.h"

#include <fmt/format.h>

#include <string>

#include "chitu_core/io/json.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kWidest = 1 << 24;

void require(const io::JsonObject& json, const char* key, const std::string& expected) {
  const auto value = json.value_or<std::string>(key, expected);
  if (value != expected) json.fail(key, fmt::format("expected {}, got {}", expected, value));
}

std::int64_t integer(const io::JsonObject& json, const char* key, std::int64_t fallback,
                     std::int64_t least = 1, std::int64_t most = kWidest) {
  const auto value = json.value_or<std::int64_t>(key, fallback);
  if (value < least || value > most)
    json.fail(key, fmt::format("expected {} to {}, got {}", least, most, value));
  return value;
}

}  // namespace

UMT5Config UMT5Config::from_json(const io::JsonObject& json) {
  // T5 shares the first layer's position table among all layers; umT5 does not.
  require(json, "model_type", "umt5");
  require(json, "feed_forward_proj", "gated-gelu");

  UMT5Config config;
  config.vocab_size = integer(json, "vocab_size", config.vocab_size);
  config.d_model = integer(json, "d_model", config.d_model);
  config.d_kv = integer(json, "d_kv", config.d_kv);
  config.d_ff = integer(json, "d_ff", config.d_ff);
  config.num_layers = integer(json, "num_layers", config.num_layers, 1, kMostLayers);
  config.num_heads = integer(json, "num_heads", config.num_heads);
  config.relative_attention_num_buckets =
      integer(json, "relative_attention_num_buckets", config.relative_attention_num_buckets, 4);
  config.relative_attention_max_distance =
      integer(json, "relative_attention_max_distance", config.relative_attention_max_distance,
              config.relative_attention_num_buckets / 4 + 1);
  config.layer_norm_epsilon = json.value_or("layer_norm_epsilon", config.layer_norm_epsilon);
  if (!(config.layer_norm_epsilon > 0 && config.layer_norm_epsilon < 1))
    json.fail("layer_norm_epsilon", "expected a number between 0 and 1");
  return config;
}

}  // namespace chitu::models
