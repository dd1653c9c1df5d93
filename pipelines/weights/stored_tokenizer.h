#pragma once

#include <optional>
#include <string>

#include "chitu_core/io/checkpoint.h"

namespace chitu::pipelines {

/// A SentencePiece model that lies among weights, as in ComfyUI's files of umT5.
struct StoredTokenizer {
  std::string name;   ///< file and tensor, for errors
  std::string bytes;  ///< of spiece.model
};

/// Empty if there is none.
std::optional<StoredTokenizer> stored_tokenizer(const io::Checkpoint& weights);

}  // namespace chitu::pipelines
