#include "chitu_core/io/safetensors.h"

#include <utility>

#include "chitu_core/io/safetensors_header.h"

namespace chitu::io {

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : TensorFile(path) {
  SafetensorsHeader header = parse_safetensors_header(mapped(), path);
  set_header(std::move(header.tensors), std::move(header.metadata));
}

}  // namespace chitu::io
