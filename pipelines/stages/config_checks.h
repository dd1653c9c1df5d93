#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "chitu_core/io/tokenizer.h"

namespace chitu::pipelines {

/// Each config of a checkpoint may be valid and still not fit another.
///
/// throws  InputError if two numbers differ that must be equal, with their names
void check_same(const std::filesystem::path& checkpoint, const std::string& what, std::int64_t a,
                const std::string& other, std::int64_t b);

/// throws  InputError if the tokenizer has more ids than the text encoder's table has rows
void check_vocabulary(const std::filesystem::path& checkpoint, const io::Tokenizer& tokenizer,
                      std::int64_t vocab_size);

}  // namespace chitu::pipelines
