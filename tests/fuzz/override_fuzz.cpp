#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/error.h"

/// Any bytes as an override: read or refused; what is read can be written again and reads the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace chitu::config;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try {
    const Override parsed = parse_override(text);
    if (parsed.is_sweep()) return 0;
    if (parsed.value_type == ValueType::none) return 0;
    const std::string again = parsed.key_element() + "=" + override_text(parsed.value);
    if (override_text(parse_override(again).value) != override_text(parsed.value)) std::abort();
  } catch (const ConfigError&) {
  }
  return 0;
}
