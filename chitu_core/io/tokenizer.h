#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

/// Turns text into the token ids that a text encoder was trained on. Immutable: one object may
/// serve many threads.
class Tokenizer {
 public:
  /// Reads the `tokenizer/` folder of a checkpoint. `tokenizer.json` decides where it stands
  /// (Unigram models, as umT5 and T5 have); a folder with `spiece.model` alone is read by the
  /// sentencepiece library, with </s> after the text as T5 wants it.
  /// Throws InputError naming the file when one is missing, damaged or of a kind not supported.
  static std::unique_ptr<Tokenizer> load(const std::filesystem::path& folder);

  virtual ~Tokenizer() = default;

  /// The ids of a text, special tokens of the template (</s> at the end) included; no padding.
  /// Special tokens written in the text are recognised as such.
  /// Throws InputError when the text is not valid UTF-8.
  std::vector<std::int64_t> encode(std::string_view text) const;

  /// The same with at most `max_length` ids: the text is cut at its end, the template's tokens
  /// stay. Throws InputError when max_length does not even hold these.
  std::vector<std::int64_t> encode(std::string_view text, std::int64_t max_length) const;

  virtual std::int64_t pad_id() const = 0;
  virtual std::int64_t eos_id() const = 0;
  /// One more than the largest id: an embedding table must have at least as many rows.
  virtual std::int64_t vocab_size() const = 0;

 protected:
  Tokenizer() = default;

  /// Ids of valid UTF-8 text alone, and those that the template puts around it.
  virtual std::vector<std::int64_t> encode_text(std::string_view text) const = 0;
  virtual const std::vector<std::int64_t>& prefix() const = 0;
  virtual const std::vector<std::int64_t>& suffix() const = 0;
};

/// A JSON array of texts in, `[{"text": ..., "ids": [...]}, ...]` out, one object a line.
/// Throws InputError "standard input: ..." when `json` is anything else.
std::string tokenize_json(const Tokenizer& tokenizer, std::string_view json);

}  // namespace chitu::io
