#include "chitu_core/models/qwen2_5_vl/config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>
#include <string>

#include "chitu_core/io/json.h"
#include "chitu_core/models/component_config.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kMostLayers = 1000;
constexpr std::int64_t kWidest = 1 << 24;
constexpr const char* kFull = "full_attention";
constexpr const char* kSliding = "sliding_attention";

std::int64_t integer(const io::JsonObject& json, const char* key, std::int64_t fallback,
                     std::int64_t most = kWidest) {
  return integer_between(json, key, fallback, 1, most);
}

bool holds(const io::JsonObject& json, const char* key) {
  return json.contains(key) && !json.json().at(key).is_null();
}

/// rope_scaling is the older name of rope_parameters and wins, as in transformers.
const char* rope_key(const io::JsonObject& json) {
  for (const char* key : {"rope_scaling", "rope_parameters"})
    if (holds(json, key)) return key;
  return nullptr;
}

/// The three sections of a head turn by the positions of frame, row and column. Those of text are
/// equal, so the sections do not matter; they must only fit.
void check_sections(const io::JsonObject& rope, const Qwen2_5_VLTextConfig& config) {
  if (!holds(rope, "mrope_section")) return;
  const auto sections = rope.required<std::vector<std::int64_t>>("mrope_section");
  const auto sum = std::accumulate(sections.begin(), sections.end(), std::int64_t{0});
  if (sum != config.head_dim() / 2)
    rope.fail("mrope_section", fmt::format("expected numbers that add up to {}, half of a head; "
                                           "got {}",
                                           config.head_dim() / 2, sum));
}

void read_rope(const io::JsonObject& json, Qwen2_5_VLTextConfig& config) {
  config.rope_theta = json.value_or("rope_theta", config.rope_theta);
  const char* key = rope_key(json);
  if (key) {
    const io::JsonObject rope = json.object(key);
    config.rope_theta = rope.value_or("rope_theta", config.rope_theta);
    const auto type = rope.value_or("rope_type", rope.value_or<std::string>("type", "default"));
    if (type != "default" && type != "mrope")
      rope.fail("rope_type", type + " is not supported, expected default");
    check_sections(rope, config);
  }
  if (!(config.rope_theta > 1))
    json.fail("rope_theta", fmt::format("expected more than 1, got {}", config.rope_theta));
}

/// Which layers see only some tokens back: layer_types says it, or else max_window_layers.
void read_windows(const io::JsonObject& json, Qwen2_5_VLTextConfig& config) {
  config.windows.assign(static_cast<std::size_t>(config.num_hidden_layers), std::nullopt);
  const bool slides = json.value_or("use_sliding_window", false) && holds(json, "sliding_window");
  const auto window = slides ? std::optional(integer(json, "sliding_window", 4096)) : std::nullopt;
  std::vector<std::string> types;
  if (holds(json, "layer_types")) {
    types = json.required<std::vector<std::string>>("layer_types");
  } else {
    const auto most_full = json.value_or<std::int64_t>("max_window_layers", 80);
    for (std::int64_t i = 0; i < config.num_hidden_layers; ++i)
      types.emplace_back(window && i >= most_full ? kSliding : kFull);
  }
  if (types.size() != config.windows.size())
    json.fail("layer_types", fmt::format("expected {} types, one per layer, got {}",
                                         config.windows.size(), types.size()));
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (types[i] != kFull && types[i] != kSliding)
      json.fail("layer_types", fmt::format("expected {} or {}, got {}", kFull, kSliding, types[i]));
    if (types[i] == kSliding) config.windows[i] = window;
  }
}

void read_heads(const io::JsonObject& json, Qwen2_5_VLTextConfig& config) {
  config.num_attention_heads = integer(json, "num_attention_heads", config.num_attention_heads);
  const bool as_many = json.contains("num_key_value_heads") && !holds(json, "num_key_value_heads");
  config.num_key_value_heads =
      as_many ? config.num_attention_heads
              : integer(json, "num_key_value_heads", config.num_key_value_heads);
  if (config.hidden_size % (2 * config.num_attention_heads) != 0)
    json.fail("num_attention_heads",
              fmt::format("expected heads of an even number of channels, got {} heads of {} "
                          "channels together",
                          config.num_attention_heads, config.hidden_size));
  if (config.num_attention_heads % config.num_key_value_heads != 0)
    json.fail("num_key_value_heads",
              fmt::format("expected a divisor of num_attention_heads ({}), "
                          "got {}",
                          config.num_attention_heads, config.num_key_value_heads));
}

Qwen2_5_VLTextConfig read_text(const io::JsonObject& json) {
  const auto activation = json.value_or<std::string>("hidden_act", "silu");
  if (activation != "silu") json.fail("hidden_act", "expected silu, got " + activation);
  Qwen2_5_VLTextConfig config;
  config.vocab_size = integer(json, "vocab_size", config.vocab_size);
  config.hidden_size = integer(json, "hidden_size", config.hidden_size);
  config.intermediate_size = integer(json, "intermediate_size", config.intermediate_size);
  config.num_hidden_layers =
      integer(json, "num_hidden_layers", config.num_hidden_layers, kMostLayers);
  read_heads(json, config);
  config.rms_norm_eps = json.value_or("rms_norm_eps", config.rms_norm_eps);
  if (!(config.rms_norm_eps > 0 && config.rms_norm_eps < 1))
    json.fail("rms_norm_eps", "expected a number between 0 and 1");
  read_rope(json, config);
  read_windows(json, config);
  return config;
}

}  // namespace

Qwen2_5_VLTextConfig Qwen2_5_VLTextConfig::from_json(const io::JsonObject& json) {
  refuse_quantized(json);
  return holds(json, "text_config") ? read_text(json.object("text_config")) : read_text(json);
}

}  // namespace chitu::models
