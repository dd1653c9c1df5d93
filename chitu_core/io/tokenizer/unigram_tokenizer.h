#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/io/tokenizer.h"
#include "chitu_core/io/tokenizer/added_tokens.h"
#include "chitu_core/io/tokenizer/normalizer.h"
#include "chitu_core/io/tokenizer/pre_tokenizer.h"
#include "chitu_core/io/tokenizer/tokenizer_file.h"
#include "chitu_core/io/tokenizer/unigram.h"

namespace chitu::io {

/// The tokenizer of a tokenizer.json with a Unigram model, with the steps of
/// huggingface/tokenizers: added tokens, normalizer, pre-tokenizer, model, template. Ignores
/// truncation and padding in the file, as transformers does.
class UnigramTokenizer final : public Tokenizer {
 public:
  /// contents  of the folder's tokenizer.json
  /// throws    InputError naming the file for what is damaged or not supported
  UnigramTokenizer(const std::filesystem::path& folder, TokenizerFile contents);

  std::int64_t pad_id() const override { return pad_id_; }
  std::int64_t eos_id() const override { return eos_id_; }
  std::int64_t vocab_size() const override { return vocab_size_; }

 private:
  std::vector<std::int64_t> encode_text(std::string_view text) const override;
  const std::vector<std::int64_t>& prefix() const override { return prefix_; }
  const std::vector<std::int64_t>& suffix() const override { return suffix_; }

  void read_added_tokens(const nlohmann::json& json);
  void read_template(const nlohmann::json& json);
  std::int64_t special_id(const std::filesystem::path& folder, const std::string& key,
                          const std::string& fallback) const;

  std::string file_;
  Unigram model_;
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  std::vector<AddedToken> added_;
  AddedTokenMatcher plain_;       ///< matched in the original text
  AddedTokenMatcher normalized_;  ///< matched in normalised text
  std::vector<std::int64_t> prefix_;
  std::vector<std::int64_t> suffix_;
  std::int64_t pad_id_ = 0;
  std::int64_t eos_id_ = 0;
  std::int64_t vocab_size_ = 0;
};

}  // namespace chitu::io
