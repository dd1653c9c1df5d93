#include "chitu_core/models/wan/transformer_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/io/json.h"
#include "chitu_core/models/component_config.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kWidest = 1 << 20;

const std::vector<std::string> kKnownKeys{"patch_size",
                                          "num_attention_heads",
                                          "attention_head_dim",
                                          "in_channels",
                                          "out_channels",
                                          "text_dim",
                                          "freq_dim",
                                          "ffn_dim",
                                          "num_layers",
                                          "cross_attn_norm",
                                          "qk_norm",
                                          "eps",
                                          "image_dim",
                                          "added_kv_proj_dim",
                                          "rope_max_seq_len",
                                          "pos_embed_seq_len"};

/// Keys that only related models have, and the name of that model for the message.
struct Relative {
  const char* key;
  const char* name;
};
constexpr Relative kForeign[] = {{"vace_layers", "VACE"},
                                 {"vace_in_channels", "VACE"},
                                 {"boundary_ratio", "Wan 2.2"},
                                 {"expand_timesteps", "Wan 2.2"},
                                 {"motion_encoder_size", "Wan Animate"},
                                 {"audio_dim", "speech-to-video"}};

void refuse_relatives(const io::JsonObject& json) {
  const auto has = [&](const char* key) {
    return json.contains(key) && !json.json().at(key).is_null();
  };
  for (const auto& [key, name] : kForeign)
    if (has(key)) json.fail(key, fmt::format("{} models are not supported", name));
  check_keys(json, kKnownKeys);
}

std::int64_t integer(const io::JsonObject& json, const char* key, std::int64_t fallback,
                     std::int64_t most = kWidest) {
  return integer_between(json, key, fallback, 1, most);
}

void read_patch_size(const io::JsonObject& json, std::array<std::int64_t, 3>& patch_size) {
  const auto values = json.value_or<std::vector<std::int64_t>>(
      "patch_size", {patch_size.begin(), patch_size.end()});
  if (values.size() != 3) json.fail("patch_size", "expected three integers");
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (values[axis] < 1 || values[axis] > 64)
      json.fail("patch_size", fmt::format("expected 1 to 64, got {}", values[axis]));
    patch_size[axis] = values[axis];
  }
}

std::optional<std::int64_t> optional_integer(const io::JsonObject& json, const char* key) {
  if (!json.contains(key) || json.json().at(key).is_null()) return std::nullopt;
  return integer(json, key, 1);
}

/// Three keys describe what cross-attention sees of images.
void read_image_keys(const io::JsonObject& json, WanTransformer3DConfig& config) {
  config.image_dim = optional_integer(json, "image_dim");
  config.pos_embed_seq_len = optional_integer(json, "pos_embed_seq_len");
  const auto added = optional_integer(json, "added_kv_proj_dim");
  if (config.image_dim && added != config.width())
    json.fail("added_kv_proj_dim",
              fmt::format("expected {}, num_attention_heads * attention_head_dim, since image_dim "
                          "is set",
                          config.width()));
  for (const char* key : {"added_kv_proj_dim", "pos_embed_seq_len"})
    if (!config.image_dim && optional_integer(json, key))
      json.fail(key, "expected null, since image_dim is null");
}

void check(const WanTransformer3DConfig& config, const io::JsonObject& json) {
  if (config.attention_head_dim % 2 != 0)
    json.fail("attention_head_dim",
              "expected an even number: the rotary embedding rotates pairs of channels");
  if (config.freq_dim % 2 != 0) json.fail("freq_dim", "expected an even number");
  if (config.width() > kWidest)
    json.fail("num_attention_heads", fmt::format("num_attention_heads * attention_head_dim is {}, "
                                                 "expected at most {}",
                                                 config.width(), kWidest));
  if (config.in_channels < config.out_channels)
    json.fail("in_channels", fmt::format("expected out_channels ({}) or more, got {}",
                                         config.out_channels, config.in_channels));
  if (!(config.eps > 0 && config.eps < 1)) json.fail("eps", "expected a number between 0 and 1");
}

}  // namespace

WanTransformer3DConfig WanTransformer3DConfig::from_json(const io::JsonObject& json) {
  refuse_relatives(json);
  const auto qk_norm = json.value_or<std::string>("qk_norm", "rms_norm_across_heads");
  if (qk_norm != "rms_norm_across_heads")
    json.fail("qk_norm", "expected rms_norm_across_heads, got " + qk_norm);

  WanTransformer3DConfig config;
  read_patch_size(json, config.patch_size);
  config.num_attention_heads = integer(json, "num_attention_heads", config.num_attention_heads);
  config.attention_head_dim = integer(json, "attention_head_dim", config.attention_head_dim);
  config.in_channels = integer(json, "in_channels", config.in_channels);
  config.out_channels = integer(json, "out_channels", config.in_channels);
  config.text_dim = integer(json, "text_dim", config.text_dim);
  config.freq_dim = integer(json, "freq_dim", config.freq_dim);
  config.ffn_dim = integer(json, "ffn_dim", config.ffn_dim);
  config.num_layers = integer(json, "num_layers", config.num_layers, kMostLayers);
  config.cross_attn_norm = json.value_or("cross_attn_norm", config.cross_attn_norm);
  config.eps = json.value_or("eps", config.eps);
  config.rope_max_seq_len = integer(json, "rope_max_seq_len", config.rope_max_seq_len);
  read_image_keys(json, config);
  check(config, json);
  return config;
}

}  // namespace chitu::models
