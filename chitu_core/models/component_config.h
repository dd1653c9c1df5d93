#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// throws  InputError for a quantization_config that is not null: quantized weights are not
///         supported
void refuse_quantized(const io::JsonObject& config);

/// throws  InputError for the first key with a value that is neither in `known` nor metadata; the
///         message names the nearest known keys. Also as refuse_quantized()
void check_keys(const io::JsonObject& config, const std::vector<std::string>& known);

/// An integer of a config.
///
/// fallback  if the key is missing
/// throws    InputError if it is below `least` or above `most`
std::int64_t integer_between(const io::JsonObject& config, const char* key, std::int64_t fallback,
                             std::int64_t least, std::int64_t most);

}  // namespace chitu::models
