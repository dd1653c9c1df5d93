#pragma once

#include <filesystem>

#include "chitu_core/io/tensor_file.h"

namespace chitu::io {

/// A GGUF file. Opening checks everything before use; see parse_gguf_header().
class GgufFile : public TensorFile {
 public:
  explicit GgufFile(const std::filesystem::path& path);
};

}  // namespace chitu::io
