#include "chitu_core/io/tokenizer/unigram_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/tokenizer/special_tokens.h"

namespace chitu::io {
namespace {

using Json = nlohmann::json;

/// A key's value, or null.
const Json& at(const Json& object, const char* key) {
  static const Json null;
  const auto found = object.find(key);
  return found == object.end() ? null : *found;
}

Unigram make_model(const Json& json, const std::string& file, UnigramVocab vocab) {
  const JsonObject model(file + ": model", at(json, "model"));
  // Files written before tokenizers 0.9 do not name the type.
  const auto type = model.value_or<std::string>("type", "Unigram");
  if (type != "Unigram") model.fail("type", "\"" + type + "\" is not supported");
  if (vocab.size() == 0) model.fail("vocab", "expected a list of [piece, score]");
  const auto unk_id = model.required<std::int64_t>("unk_id");
  if (unk_id < 0 || unk_id >= static_cast<std::int64_t>(vocab.size()))
    model.fail("unk_id", "no such piece: " + std::to_string(unk_id));
  return {std::move(vocab), unk_id, model.value_or("byte_fallback", false)};
}

}  // namespace

UnigramTokenizer::UnigramTokenizer(const std::filesystem::path& folder, TokenizerFile contents)
    : file_((folder / "tokenizer.json").string()),
      model_(make_model(JsonObject(file_, contents.json).json(), file_, std::move(contents.vocab))),
      normalizer_(at(contents.json, "normalizer"), file_),
      pre_tokenizer_(at(contents.json, "pre_tokenizer"), file_),
      vocab_size_(model_.vocab_size()) {
  read_added_tokens(at(contents.json, "added_tokens"));
  read_template(at(contents.json, "post_processor"));
  pad_id_ = special_id(folder, "pad_token", "<pad>");
  eos_id_ = special_id(folder, "eos_token", "</s>");
}

void UnigramTokenizer::read_added_tokens(const Json& json) {
  if (json.is_null()) return;
  if (!json.is_array()) throw InputError(file_ + ": added_tokens: expected a list");
  std::vector<AddedToken> plain, normalized;
  for (const Json& entry : json) {
    added_.push_back(AddedToken::read(JsonObject(file_ + ": added_tokens", entry)));
    AddedToken& token = added_.back();
    if (const std::int64_t piece = model_.id_of(token.content); piece >= 0)
      token.id = piece;  // the model's id is used, as in the reference
    vocab_size_ = std::max(vocab_size_, token.id + 1);
    (token.normalized ? normalized : plain).push_back(token);
  }
  for (AddedToken& token : normalized) token.content = normalizer_.apply(token.content);
  plain_ = AddedTokenMatcher(std::move(plain));
  normalized_ = AddedTokenMatcher(std::move(normalized));
}

void UnigramTokenizer::read_template(const Json& json) {
  if (json.is_null()) return;
  const JsonObject post(file_ + ": post_processor", json);
  const auto type = post.required<std::string>("type");
  if (type != "TemplateProcessing") post.fail("type", "\"" + type + "\" is not supported");
  if (!at(json, "single").is_array()) post.fail("single", "expected a list");
  const JsonObject special_tokens = post.object("special_tokens");
  std::vector<std::int64_t>* ids = &prefix_;
  for (const Json& piece : json["single"]) {
    const JsonObject item(post.name() + ": single", piece);
    if (item.contains("Sequence")) {
      if (ids == &suffix_) post.fail("single", "expected the text once");
      ids = &suffix_;
      continue;
    }
    const auto name = item.object("SpecialToken").required<std::string>("id");
    const auto found = special_tokens.object(name).required<std::vector<std::int64_t>>("ids");
    ids->insert(ids->end(), found.begin(), found.end());
  }
  if (ids != &suffix_) post.fail("single", "expected the text once");
}

std::int64_t UnigramTokenizer::special_id(const std::filesystem::path& folder,
                                          const std::string& key,
                                          const std::string& fallback) const {
  const std::string text = special_token_text(folder, key, fallback);
  for (const AddedToken& token : added_)
    if (token.content == text) return token.id;
  const std::int64_t id = model_.id_of(text);
  if (id < 0) throw InputError(file_ + ": the " + key + " \"" + text + "\" is not in it");
  return id;
}

std::vector<std::int64_t> UnigramTokenizer::encode_text(std::string_view text) const {
  std::vector<std::int64_t> ids;
  const auto token = [&](std::int64_t id) { ids.push_back(id); };
  const auto model = [&](std::string_view words) {
    for (const std::string& word : pre_tokenizer_.split(words)) model_.encode(word, ids);
  };
  const auto normalize = [&](std::string_view part) {
    normalized_.split(normalizer_.apply(part), model, token);
  };
  plain_.split(text, normalize, token);
  return ids;
}

}  // namespace chitu::io
