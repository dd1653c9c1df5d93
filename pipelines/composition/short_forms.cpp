#include "pipelines/composition/short_forms.h"

#include <algorithm>

#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/error.h"

namespace chitu::pipelines {
namespace {

const std::vector<std::string> kShortForms{
    "prompt",         "negative_prompt",     "width", "height", "num_frames",
    "guidance_scale", "num_inference_steps", "seed",  "fps",    "image",
    "last_image"};

/// Whether Hydra's grammar reads the value as text. It reads braces as a map, and refuses most of
/// the templates of Python.
bool is_text(const std::string& override) {
  try {
    const config::Override read = config::parse_override(override);
    return !read.value.is_container();
  } catch (const config::ConfigError&) {
    return false;
  }
}

}  // namespace

std::string_view key_of_override(std::string_view override) {
  const std::size_t start = override.find_first_not_of("+~");
  const std::size_t equals = override.find('=');
  if (start == std::string_view::npos || equals == std::string_view::npos) return {};
  return override.substr(start, equals - start);
}

bool is_short_form(std::string_view key) {
  return std::find(kShortForms.begin(), kShortForms.end(), key) != kShortForms.end();
}

const std::vector<std::string>& short_forms() { return kShortForms; }

std::string quote_template(const std::string& override) {
  if (key_of_override(override) != "output.name" || is_text(override)) return override;
  const std::size_t value = override.find('=') + 1;
  const bool quoted = override.find_first_of("'\"") == value;
  return quoted ? override
                : override.substr(0, value) + config::quoted_text(override.substr(value), '\'');
}

std::string expand_short_form(const std::string& override) {
  if (!is_short_form(key_of_override(override))) return quote_template(override);
  const std::size_t start = override.find_first_not_of("+~");
  return override.substr(0, start) + "request." + override.substr(start);
}

}  // namespace chitu::pipelines
