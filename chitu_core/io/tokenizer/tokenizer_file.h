#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "chitu_core/io/tokenizer/unigram.h"

namespace chitu::io {

/// A tokenizer.json with its list of pieces read separately: umT5 has 256,000 of them in 17 MB, for
/// which a JSON tree would need a second and hundreds of megabytes.
struct TokenizerFile {
  nlohmann::json json;  ///< everything else; model.vocab is null
  UnigramVocab vocab;   ///< of model.vocab, a list of [piece, score]
};

/// Throws InputError "<path>[:<line>:<column>]: <problem>".
TokenizerFile read_tokenizer_file(const std::filesystem::path& path);

}  // namespace chitu::io
