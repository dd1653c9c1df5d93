#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/io/safetensors.h"

namespace chitu::io {

/// A parsed and checked safetensors header.
struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  ///< in the order of their bytes
  std::map<std::string, std::string> metadata;
};

/// Reads the header of the whole file `bytes`; `path` opens the messages.
/// Throws InputError when anything about it is wrong, a file cut short included.
SafetensorsHeader parse_safetensors_header(std::string_view bytes,
                                           const std::filesystem::path& path);

}  // namespace chitu::io
