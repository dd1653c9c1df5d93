#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "chitu_core/io/tokenizer/unigram.h"

namespace chitu::io {

/// A tokenizer.json with the list of pieces taken out: umT5's holds 256,000 of them in 17 MB, which
/// a general JSON tree would take a second and hundreds of megabytes to hold.
struct TokenizerFile {
  nlohmann::json json;  ///< everything else; model.vocab is null where it was such a list
  UnigramVocab vocab;   ///< of model.vocab, a list of [piece, score]
};

/// Throws InputError "<path>[:<line>:<column>]: <problem>".
TokenizerFile read_tokenizer_file(const std::filesystem::path& path);

}  // namespace chitu::io
