#include "chitu_core/models/component_config.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "chitu_core/common/nearest.h"
#include "chitu_core/io/json.h"

namespace chitu::models {

void refuse_quantized(const io::JsonObject& config) {
  constexpr const char* key = "quantization_config";
  if (config.contains(key) && !config.json().at(key).is_null())
    config.fail(key, "quantized weights are not supported, expected null");
}

void check_keys(const io::JsonObject& config, const std::vector<std::string>& known) {
  refuse_quantized(config);
  for (const std::string& key : config.unknown_keys(known))
    config.fail(key, "unknown key" + did_you_mean(key, known));
}

std::int64_t integer_between(const io::JsonObject& config, const char* key, std::int64_t fallback,
                             std::int64_t least, std::int64_t most) {
  const auto value = config.value_or<std::int64_t>(key, fallback);
  if (value < least || value > most)
    config.fail(key, fmt::format("expected {} to {}, got {}", least, most, value));
  return value;
}

}  // namespace chitu::models
