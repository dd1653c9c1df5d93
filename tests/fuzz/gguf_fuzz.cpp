#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/io/gguf/gguf_header.h"

namespace {

/// The parser's guarantee: every tensor's bytes are in the file, none in two tensors, and their
/// number follows from shape and type.
void check(const std::vector<chitu::io::TensorInfo>& tensors, std::int64_t file_bytes) {
  std::int64_t end = 0;
  for (const auto& tensor : tensors) {
    const std::int64_t rows = tensor.rows(), columns = rows ? tensor.numel() / rows : 0;
    const std::int64_t expected =
        tensor.encoding
            ? rows * tensor.encoding->row_bytes(columns)
            : tensor.numel() * static_cast<std::int64_t>(c10::elementSize(tensor.dtype));
    if (tensor.offset_bytes < end || tensor.size_bytes != expected) std::abort();
    end = tensor.offset_bytes + tensor.size_bytes;
  }
  if (end > file_bytes) std::abort();
}

}  // namespace

/// Any bytes as a whole GGUF file: its header is read or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    check(chitu::io::parse_gguf_header(bytes, "fuzz.gguf").tensors,
          static_cast<std::int64_t>(size));
  } catch (const chitu::InputError&) {
  }
  return 0;
}
