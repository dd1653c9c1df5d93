#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

/// Converts text to the token ids that a text encoder was trained with. Immutable, so threads can
/// share it.
class Tokenizer {
 public:
  /// Reads the `tokenizer/` folder of a checkpoint: `tokenizer.json` if it exists (Unigram models,
  /// such as umT5 and T5, and byte-level BPE), else `spiece.model` with the sentencepiece library,
  /// with </s> after the text as in T5, else `vocab.json` with `merges.txt` as in Qwen2.
  /// Throws InputError naming the file if it is missing, damaged or not supported.
  static std::unique_ptr<Tokenizer> load(const std::filesystem::path& folder);
  /// The same for one of these files, or a folder with one.
  static std::unique_ptr<Tokenizer> load_file(const std::filesystem::path& path);
  /// From the content of a `spiece.model`; errors begin with `name`. T5's <extra_id_N> follow its
  /// pieces.
  static std::unique_ptr<Tokenizer> from_sentencepiece(const std::string& bytes,
                                                       const std::string& name,
                                                       std::int64_t extra_ids);

  virtual ~Tokenizer() = default;

  /// The ids of a text with the special tokens of the template (</s> at the end), without padding.
  /// Special tokens in the text are recognised.
  /// Throws InputError if the text is not valid UTF-8.
  std::vector<std::int64_t> encode(std::string_view text) const;

  /// The same with at most `max_length` ids: truncates the text, not the template's tokens.
  /// Throws InputError if max_length is less than the number of the latter.
  std::vector<std::int64_t> encode(std::string_view text, std::int64_t max_length) const;

  virtual std::int64_t pad_id() const = 0;
  virtual std::int64_t eos_id() const = 0;
  /// The largest id plus one: an embedding table needs at least as many rows.
  virtual std::int64_t vocab_size() const = 0;

 protected:
  Tokenizer() = default;

  /// Ids of valid UTF-8 text without the template's, and the number of the template's.
  virtual std::vector<std::int64_t> encode_text(std::string_view text) const = 0;
  virtual const std::vector<std::int64_t>& prefix() const = 0;
  virtual const std::vector<std::int64_t>& suffix() const = 0;
};

/// A JSON array of texts in, `[{"text": ..., "ids": [...]}, ...]` out, one object a line.
/// Throws InputError "standard input: ..." when `json` is anything else.
std::string tokenize_json(const Tokenizer& tokenizer, std::string_view json);

}  // namespace chitu::io
