#pragma once

#include <string>
#include <vector>

namespace chitu::io {
class JsonObject;
}

namespace chitu::models {

/// throws  InputError for quantization_config, unless null: the weights would be of another form
void refuse_quantized(const io::JsonObject& config);

/// throws  InputError for the first key of a component's config that is not in `known`, holds a
///         value and is no metadata, naming the nearest known ones; as refuse_quantized()
void check_keys(const io::JsonObject& config, const std::vector<std::string>& known);

}  // namespace chitu::models
