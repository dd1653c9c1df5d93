#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/io/tokenizer.h"
#include "chitu_core/io/tokenizer/added_tokens.h"
#include "chitu_core/io/tokenizer/sentencepiece_library.h"

namespace chitu::io {

/// For a tokenizer folder with `spiece.model` and no tokenizer.json; uses the sentencepiece
/// library. Control pieces in the text and T5's <extra_id_N> are special tokens, and </s> follows
/// the text.
class SentencePieceTokenizer final : public Tokenizer {
 public:
  explicit SentencePieceTokenizer(const std::filesystem::path& folder);
  /// bytes  of a model; errors begin with `name`
  SentencePieceTokenizer(const std::string& bytes, const std::string& name, std::int64_t extra);

  std::int64_t pad_id() const override { return pad_id_; }
  std::int64_t eos_id() const override { return suffix_.front(); }
  std::int64_t vocab_size() const override { return vocab_size_; }

 private:
  std::vector<std::int64_t> encode_text(std::string_view text) const override;
  const std::vector<std::int64_t>& prefix() const override { return prefix_; }
  const std::vector<std::int64_t>& suffix() const override { return suffix_; }

  std::unique_ptr<SentencePieceModel> model_;
  AddedTokenMatcher special_;
  std::vector<std::int64_t> prefix_;
  std::vector<std::int64_t> suffix_;
  std::int64_t pad_id_ = 0;
  std::int64_t vocab_size_ = 0;
};

}  // namespace chitu::io
