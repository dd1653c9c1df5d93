#include "pipelines/weights/stored_tokenizer.h"

namespace chitu::pipelines {

std::optional<StoredTokenizer> stored_tokenizer(const io::Checkpoint& weights) {
  for (const io::TensorFile& file : weights.files())
    for (const io::TensorInfo& tensor : file.tensors()) {
      if (tensor.name != "spiece_model" && !tensor.name.ends_with(".spiece_model")) continue;
      StoredTokenizer found{file.path().string() + ": " + tensor.name,
                            std::string(static_cast<std::size_t>(tensor.size_bytes), '\0')};
      file.read_bytes(tensor.offset_bytes, found.bytes.data(), tensor.size_bytes);
      return found;
    }
  return std::nullopt;
}

}  // namespace chitu::pipelines
