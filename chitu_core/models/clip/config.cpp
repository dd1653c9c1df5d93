#include "chitu_core/models/clip/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "chitu_core/common/expected.h"
#include "chitu_core/io/json.h"
#include "chitu_core/models/component_config.h"

namespace chitu::models {
namespace {

constexpr std::int64_t kWidest = 1 << 20;
constexpr std::int64_t kMostLayers = 1000;

const std::vector<std::string> kActivations{"gelu", "quick_gelu", "gelu_new", "gelu_pytorch_tanh"};

std::int64_t integer(const io::JsonObject& json, const char* key, std::int64_t fallback,
                     std::int64_t most = kWidest) {
  return integer_between(json, key, fallback, 1, most);
}

void check_activation(const io::JsonObject& json, const std::string& activation) {
  if (std::ranges::find(kActivations, activation) == kActivations.end())
    json.fail("hidden_act", expected_one_of(activation, kActivations) + ", got " + activation);
}

CLIPVisionConfig read(const io::JsonObject& json) {
  CLIPVisionConfig config;
  config.hidden_size = integer(json, "hidden_size", config.hidden_size);
  config.intermediate_size = integer(json, "intermediate_size", config.intermediate_size);
  config.num_hidden_layers =
      integer(json, "num_hidden_layers", config.num_hidden_layers, kMostLayers);
  config.num_attention_heads = integer(json, "num_attention_heads", config.num_attention_heads);
  if (config.hidden_size % config.num_attention_heads != 0)
    json.fail("num_attention_heads", fmt::format("expected a divisor of hidden_size ({}), got {}",
                                                 config.hidden_size, config.num_attention_heads));
  config.image_size = integer(json, "image_size", config.image_size, 1 << 14);
  config.patch_size = integer(json, "patch_size", config.patch_size, config.image_size);
  if (json.value_or<std::int64_t>("num_channels", 3) != 3)
    json.fail("num_channels", "expected 3: red, green and blue");
  config.hidden_act = json.value_or("hidden_act", config.hidden_act);
  check_activation(json, config.hidden_act);
  config.layer_norm_eps = json.value_or("layer_norm_eps", config.layer_norm_eps);
  if (!(config.layer_norm_eps > 0 && config.layer_norm_eps < 1))
    json.fail("layer_norm_eps", "expected a number between 0 and 1");
  return config;
}

}  // namespace

CLIPVisionConfig CLIPVisionConfig::from_json(const io::JsonObject& json) {
  refuse_quantized(json);
  // A file of a whole CLIP model has the vision tower's part in an object.
  return json.contains("vision_config") ? read(json.object("vision_config")) : read(json);
}

}  // namespace chitu::models
