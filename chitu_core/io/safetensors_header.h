#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/io/safetensors.h"

namespace chitu::io {

/// A parsed and checked safetensors header.
struct SafetensorsHeader {
  std::vector<TensorInfo> tensors;  ///< in the order of their data
  std::map<std::string, std::string> metadata;
};

/// Reads the header; `bytes` is the whole file, errors begin with `path`.
/// Throws InputError if it is invalid or the file is truncated.
SafetensorsHeader parse_safetensors_header(std::string_view bytes,
                                           const std::filesystem::path& path);

}  // namespace chitu::io
