#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/io/tokenizer.h"
#include "chitu_core/io/tokenizer/bpe.h"
#include "chitu_core/io/tokenizer/text_steps.h"

namespace chitu::io {

/// A byte-level BPE tokenizer with the steps of huggingface/tokenizers: added tokens, normalizer,
/// pre-tokenizer, model. It adds nothing around the text.
class BpeTokenizer final : public Tokenizer {
 public:
  /// Of a tokenizer.json whose model is BPE.
  ///
  /// throws  InputError naming the file and the key for what is damaged or not supported
  BpeTokenizer(const std::filesystem::path& folder, const nlohmann::json& contents);
  /// Of vocab.json and merges.txt, with the added tokens of tokenizer_config.json, or else of
  /// added_tokens.json: the files of Qwen2Tokenizer, which knows the other steps.
  ///
  /// throws  InputError as above, and for the files of another tokenizer
  static std::unique_ptr<Tokenizer> from_vocab_and_merges(const std::filesystem::path& folder);

  std::int64_t pad_id() const override { return pad_id_; }
  std::int64_t eos_id() const override { return eos_id_; }
  std::int64_t vocab_size() const override;

 private:
  std::vector<std::int64_t> encode_text(std::string_view text) const override;
  const std::vector<std::int64_t>& prefix() const override { return nothing_; }
  const std::vector<std::int64_t>& suffix() const override { return nothing_; }

  std::string file_;
  Bpe model_;
  TextSteps steps_;
  std::vector<std::int64_t> nothing_;
  std::int64_t pad_id_ = 0;
  std::int64_t eos_id_ = 0;
};

}  // namespace chitu::io
