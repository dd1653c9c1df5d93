#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/io/tokenizer/added_tokens.h"
#include "chitu_core/io/tokenizer/normalizer.h"
#include "chitu_core/io/tokenizer/pre_tokenizer.h"

namespace chitu::io {

/// A key's value, or null.
const nlohmann::json& member(const nlohmann::json& object, const char* key);

/// The steps of a tokenizer.json around its model: added tokens, normalizer, pre-tokenizer.
class TextSteps {
 public:
  /// The id of a piece in the model; negative if it has none.
  using IdOf = std::function<std::int64_t(const std::string& piece)>;

  /// contents  of the file
  /// file      begins errors
  /// renamed   an added token that is also a piece of the model has the piece's id; null = its own
  /// throws    InputError naming the key for what is damaged or not supported
  TextSteps(const nlohmann::json& contents, const std::string& file, PreTokenizer::Symbols symbols,
            const IdOf& renamed);

  /// One more than the largest id of an added token; 0 without any.
  std::int64_t end_of_ids() const { return end_of_ids_; }

  /// The id of a special token such as pad_token.
  ///
  /// fallback  its text, if no file of the folder names it
  /// throws    InputError if neither the added tokens nor the model have it
  std::int64_t special_id(const std::filesystem::path& folder, const std::string& key,
                          const std::string& fallback, const IdOf& in_model) const;

  /// Calls `word` for what the model encodes and `token` for added tokens, in the order of the
  /// text.
  void split(std::string_view text, const std::function<void(const std::string&)>& word,
             const std::function<void(std::int64_t)>& token) const;

 private:
  void read_added_tokens(const nlohmann::json& json, const IdOf& renamed);

  std::string file_;
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  std::vector<AddedToken> added_;
  AddedTokenMatcher plain_;       ///< matched in the original text
  AddedTokenMatcher normalized_;  ///< matched in normalised text
  std::int64_t end_of_ids_ = 0;
};

}  // namespace chitu::io
