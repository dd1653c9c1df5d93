#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/io/json.h"

namespace chitu::io {

/// A token that is matched in the text before the model splits the rest.
struct AddedToken {
  std::string content;
  std::int64_t id = 0;
  bool special = false;
  bool normalized = false;   ///< matched after normalising, itself normalised
  bool single_word = false;  ///< only if no letter, digit or underscore touches it
  bool lstrip = false;       ///< includes white space on its left
  bool rstrip = false;

  /// One entry of tokenizer.json's added_tokens. Throws InputError.
  static AddedToken read(const JsonObject& entry);
};

/// Finds added tokens: the leftmost match, and of several the longest.
class AddedTokenMatcher {
 public:
  AddedTokenMatcher() = default;
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  /// Calls text_part for every non-empty text between tokens and token for every token's id, in the
  /// order of the text.
  void split(std::string_view text, const std::function<void(std::string_view)>& text_part,
             const std::function<void(std::int64_t)>& token) const;

 private:
  const AddedToken* match_at(std::string_view text, std::size_t position) const;

  std::vector<AddedToken> tokens_;
  /// Indices into tokens_ by the first byte, longest content first.
  std::array<std::vector<std::size_t>, 256> by_first_byte_;
};

}  // namespace chitu::io
