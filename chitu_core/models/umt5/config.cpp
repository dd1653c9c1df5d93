#include "chitu_core/models/umt5/config.h"

#include <fmt/format.h>
#include <spdlog/logger.h>

#include <optional>
#include <string>

#include "chitu_core/common/log.h"
#include "chitu_core/io/json.h"
#include "chitu_core/models/component_config.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kWidest = 1 << 24;

/// Alternative names of keys, which transformers accepts too.
constexpr const char* kSecondNames[][2] = {{"hidden_size", "d_model"},
                                           {"num_attention_heads", "num_heads"},
                                           {"num_hidden_layers", "num_layers"},
                                           {"head_dim", "d_kv"}};

void refuse_second_names(const io::JsonObject& json) {
  for (const auto& [second, first] : kSecondNames) {
    const auto value = json.value_or<std::optional<std::int64_t>>(second, std::nullopt);
    if (value && value != json.value_or<std::optional<std::int64_t>>(first, std::nullopt))
      json.fail(second, fmt::format("expected what {} says, got {}", first, *value));
  }
}

/// The activation and the gate have keys of their own, which win over feed_forward_proj.
void check_feed_forward(const io::JsonObject& json) {
  const auto projection = json.value_or<std::string>("feed_forward_proj", "gated-gelu");
  const auto activation = json.value_or<std::optional<std::string>>("dense_act_fn", std::nullopt);
  const auto gated = json.value_or<std::optional<bool>>("is_gated_act", std::nullopt);
  if (activation && *activation != "gelu_new")
    json.fail("dense_act_fn", "expected gelu_new, got " + *activation);
  if (gated && !*gated) json.fail("is_gated_act", "expected true, got false");
  const bool other_activation = !activation && projection != "gated-gelu";
  const bool other_gate = !gated && !projection.starts_with("gated-");
  if (other_activation || other_gate)
    json.fail("feed_forward_proj", "expected gated-gelu, got " + projection);
}

std::int64_t integer(const io::JsonObject& json, const char* key, std::int64_t fallback,
                     std::int64_t least = 1, std::int64_t most = kWidest) {
  return integer_between(json, key, fallback, least, most);
}

}  // namespace

UMT5Config UMT5Config::from_json(const io::JsonObject& json) {
  // model_index.json names the class, and transformers uses that too.
  const auto type = json.value_or<std::string>("model_type", "umt5");
  if (type != "umt5")
    logger("models")->info("{}: model_type: {}, ignored, read as umt5", json.name(), type);
  refuse_quantized(json);
  refuse_second_names(json);
  check_feed_forward(json);

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
