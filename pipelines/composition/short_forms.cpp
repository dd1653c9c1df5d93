#include "pipelines/composition/short_forms.h"

#include <algorithm>

namespace chitu::pipelines {
namespace {

const std::vector<std::string> kShortForms{
    "prompt",         "negative_prompt",     "width", "height", "num_frames",
    "guidance_scale", "num_inference_steps", "seed",  "fps"};

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

std::string expand_short_form(const std::string& override) {
  if (!is_short_form(key_of_override(override))) return override;
  const std::size_t start = override.find_first_not_of("+~");
  return override.substr(0, start) + "request." + override.substr(start);
}

}  // namespace chitu::pipelines
