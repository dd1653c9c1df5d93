#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/io/tensor_file.h"

namespace chitu::io {

/// A parsed and checked GGUF header.
struct GgufHeader {
  std::vector<TensorInfo> tensors;              ///< in the order of their data
  std::map<std::string, std::string> metadata;  ///< its texts, such as general.architecture
};

/// Whether a file begins as a GGUF file does.
bool is_gguf(std::string_view bytes);

/// Reads the header of version 2 or 3; `bytes` is the whole file, errors begin with `path`. Sizes
/// are in the order of libtorch, the reverse of the file's; a shape that ComfyUI has noted
/// (comfy.gguf.orig_shape) takes precedence.
///
/// throws  InputError if it is invalid, truncated, one part of several, or has a type that chitu
///         does not read
/// source  github.com/ggml-org/ggml, docs/gguf.md
GgufHeader parse_gguf_header(std::string_view bytes, const std::filesystem::path& path);

}  // namespace chitu::io
