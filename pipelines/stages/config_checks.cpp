#include "pipelines/stages/config_checks.h"

#include <fmt/format.h>

#include "chitu_core/common/error.h"

namespace chitu::pipelines {

void check_same(const std::filesystem::path& checkpoint, const std::string& what, std::int64_t a,
                const std::string& other, std::int64_t b) {
  if (a != b)
    throw InputError(
        fmt::format("{}: {} is {}, but {} is {}", checkpoint.string(), what, a, other, b));
}

void check_vocabulary(const std::filesystem::path& checkpoint, const io::Tokenizer& tokenizer,
                      std::int64_t vocab_size) {
  if (tokenizer.vocab_size() > vocab_size)
    check_same(checkpoint, "the tokenizer's vocabulary", tokenizer.vocab_size(),
               "vocab_size of text_encoder", vocab_size);
}

}  // namespace chitu::pipelines
