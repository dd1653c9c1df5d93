#include "chitu_core/models/qwen_image/transformer_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

#include "chitu_core/io/json.h"
#include "chitu_core/models/component_config.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kWidest = 1 << 20;

/// pooled_projection_dim is in the published file, and no class reads it. zero_cond_t matters to
/// pictures in the condition only: without any, all tokens get the modulation of the timestep.
const std::vector<std::string> kKnownKeys{
    "patch_size",         "in_channels",           "out_channels",        "num_layers",
    "attention_head_dim", "num_attention_heads",   "joint_attention_dim", "guidance_embeds",
    "axes_dims_rope",     "pooled_projection_dim", "zero_cond_t",         "use_additional_t_cond",
    "use_layer3d_rope"};

/// Keys that are true in related models only.
struct Relative {
  const char* key;
  const char* name;
};
constexpr Relative kRelatives[] = {{"guidance_embeds", "guidance-distilled"},
                                   {"use_additional_t_cond", "layered"},
                                   {"use_layer3d_rope", "layered"}};

void refuse_relatives(const io::JsonObject& json) {
  for (const auto& [key, name] : kRelatives)
    if (json.value_or(key, false))
      json.fail(key, fmt::format("{} models are not supported, expected false", name));
}

std::int64_t integer(const io::JsonObject& json, const char* key, std::int64_t fallback,
                     std::int64_t most = kWidest) {
  return integer_between(json, key, fallback, 1, most);
}

void read_axes(const io::JsonObject& json, QwenImageTransformer2DConfig& config) {
  auto& axes = config.axes_dims_rope;
  const auto values =
      json.value_or<std::vector<std::int64_t>>("axes_dims_rope", {axes.begin(), axes.end()});
  if (values.size() != axes.size()) json.fail("axes_dims_rope", "expected three integers");
  for (std::size_t axis = 0; axis < axes.size(); ++axis) {
    if (values[axis] < 2 || values[axis] % 2 != 0)
      json.fail("axes_dims_rope",
                fmt::format("expected even numbers of 2 or more, got {}", values[axis]));
    axes[axis] = values[axis];
  }
  if (const auto sum = std::accumulate(axes.begin(), axes.end(), std::int64_t{0});
      sum != config.attention_head_dim)
    json.fail("axes_dims_rope", fmt::format("expected numbers that add up to attention_head_dim "
                                            "({}), got {}",
                                            config.attention_head_dim, sum));
}

void check_channels(const io::JsonObject& json, const QwenImageTransformer2DConfig& config) {
  if (config.in_channels % 4 != 0)
    json.fail("in_channels",
              fmt::format("expected a multiple of 4: a token holds 2 x 2 latents; got {}",
                          config.in_channels));
  const std::int64_t made = config.patch_size * config.patch_size * config.out_channels;
  if (made != config.in_channels)
    json.fail("out_channels",
              fmt::format("expected patch_size^2 * out_channels to be in_channels ({}), got {}",
                          config.in_channels, made));
  if (config.width() > kWidest)
    json.fail("num_attention_heads", fmt::format("num_attention_heads * attention_head_dim is {}, "
                                                 "expected at most {}",
                                                 config.width(), kWidest));
}

}  // namespace

QwenImageTransformer2DConfig QwenImageTransformer2DConfig::from_json(const io::JsonObject& json) {
  check_keys(json, kKnownKeys);
  refuse_relatives(json);
  QwenImageTransformer2DConfig config;
  config.patch_size = integer(json, "patch_size", config.patch_size, 64);
  config.in_channels = integer(json, "in_channels", config.in_channels);
  const bool as_many = json.contains("out_channels") && json.json().at("out_channels").is_null();
  config.out_channels =
      as_many ? config.in_channels : integer(json, "out_channels", config.out_channels);
  config.num_layers = integer(json, "num_layers", config.num_layers, kMostLayers);
  config.attention_head_dim = integer(json, "attention_head_dim", config.attention_head_dim);
  config.num_attention_heads = integer(json, "num_attention_heads", config.num_attention_heads);
  config.joint_attention_dim = integer(json, "joint_attention_dim", config.joint_attention_dim);
  read_axes(json, config);
  check_channels(json, config);
  return config;
}

}  // namespace chitu::models
