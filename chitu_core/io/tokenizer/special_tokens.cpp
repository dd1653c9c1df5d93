#include "chitu_core/io/tokenizer/special_tokens.h"

#include <nlohmann/json.hpp>

#include "chitu_core/common/files.h"
#include "chitu_core/io/json.h"

namespace chitu::io {
namespace {

/// Given as a string, or as an object with `content`.
std::string token_text(const JsonObject& config, const std::string& key,
                       const std::string& fallback) {
  if (config.contains(key) && config.json().at(key).is_object())
    return config.object(key).required<std::string>("content");
  return config.value_or<std::string>(key, fallback);
}

}  // namespace

std::string special_token_text(const std::filesystem::path& folder, const std::string& key,
                               const std::string& fallback) {
  std::string text = fallback;
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"})
    if (name_exists(folder / name)) text = token_text(JsonObject::read(folder / name), key, text);
  return text;
}

}  // namespace chitu::io
