#include "chitu_core/io/tokenizer/text_steps.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/tokenizer/special_tokens.h"

namespace chitu::io {

using Json = nlohmann::json;

const Json& member(const Json& object, const char* key) {
  static const Json null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

TextSteps::TextSteps(const Json& contents, const std::string& file, PreTokenizer::Symbols symbols,
                     const IdOf& renamed)
    : file_(file),
      normalizer_(member(contents, "normalizer"), file),
      pre_tokenizer_(member(contents, "pre_tokenizer"), file, symbols) {
  read_added_tokens(member(contents, "added_tokens"), renamed);
}

void TextSteps::read_added_tokens(const Json& json, const IdOf& renamed) {
  if (json.is_null()) return;
  if (!json.is_array()) throw InputError(file_ + ": added_tokens: expected a list");
  std::vector<AddedToken> plain, normalized;
  for (const Json& entry : json) {
    added_.push_back(AddedToken::read(JsonObject(file_ + ": added_tokens", entry)));
    AddedToken& token = added_.back();
    if (const std::int64_t piece = renamed ? renamed(token.content) : -1; piece >= 0)
      token.id = piece;
    end_of_ids_ = std::max(end_of_ids_, token.id + 1);
    (token.normalized ? normalized : plain).push_back(token);
  }
  for (AddedToken& token : normalized) token.content = normalizer_.apply(token.content);
  plain_ = AddedTokenMatcher(std::move(plain));
  normalized_ = AddedTokenMatcher(std::move(normalized));
}

std::int64_t TextSteps::special_id(const std::filesystem::path& folder, const std::string& key,
                                   const std::string& fallback, const IdOf& in_model) const {
  const std::string text = special_token_text(folder, key, fallback);
  const auto found = std::ranges::find(added_, text, &AddedToken::content);
  if (found != added_.end()) return found->id;
  const std::int64_t id = in_model(text);
  if (id < 0) throw InputError(file_ + ": the " + key + " \"" + text + "\" is not in it");
  return id;
}

void TextSteps::split(std::string_view text, const std::function<void(const std::string&)>& word,
                      const std::function<void(std::int64_t)>& token) const {
  const auto words = [&](std::string_view part) {
    for (const std::string& one : pre_tokenizer_.split(part)) word(one);
  };
  const auto normalize = [&](std::string_view part) {
    normalized_.split(normalizer_.apply(part), words, token);
  };
  plain_.split(text, normalize, token);
}

}  // namespace chitu::io
