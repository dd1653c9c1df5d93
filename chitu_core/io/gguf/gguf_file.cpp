#include "chitu_core/io/gguf/gguf_file.h"

#include <utility>

#include "chitu_core/io/gguf/gguf_header.h"

namespace chitu::io {

GgufFile::GgufFile(const std::filesystem::path& path) : TensorFile(path) {
  GgufHeader header = parse_gguf_header(mapped(), path);
  set_header(std::move(header.tensors), std::move(header.metadata));
}

}  // namespace chitu::io
