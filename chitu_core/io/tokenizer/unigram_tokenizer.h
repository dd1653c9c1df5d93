#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/io/tokenizer.h"
#include "chitu_core/io/tokenizer/text_steps.h"
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
  std::int64_t vocab_size() const override;

 private:
  std::vector<std::int64_t> encode_text(std::string_view text) const override;
  const std::vector<std::int64_t>& prefix() const override { return prefix_; }
  const std::vector<std::int64_t>& suffix() const override { return suffix_; }

  void read_template(const nlohmann::json& json);

  std::string file_;
  Unigram model_;
  TextSteps steps_;
  std::vector<std::int64_t> prefix_;
  std::vector<std::int64_t> suffix_;
  std::int64_t pad_id_ = 0;
  std::int64_t eos_id_ = 0;
};

}  // namespace chitu::io
