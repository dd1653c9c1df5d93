#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/io/safetensors_header.h"

namespace {

/// The parser's guarantee: every tensor's bytes are in the file, one after the other, and their
/// number follows from shape and dtype.
void check(const std::vector<chitu::io::TensorInfo>& tensors, std::int64_t file_bytes) {
  std::int64_t end = tensors.empty() ? file_bytes : tensors.front().offset_bytes;
  for (const auto& tensor : tensors) {
    const auto element = static_cast<std::int64_t>(c10::elementSize(tensor.dtype));
    if (tensor.offset_bytes != end || tensor.size_bytes != tensor.numel() * element) std::abort();
    end += tensor.size_bytes;
  }
  if (end != file_bytes) std::abort();
}

}  // namespace

/// Any bytes as a whole safetensors file: its header is read or refused.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    check(chitu::io::parse_safetensors_header(bytes, "fuzz.safetensors").tensors,
          static_cast<std::int64_t>(size));
  } catch (const chitu::InputError&) {
  }
  return 0;
}
