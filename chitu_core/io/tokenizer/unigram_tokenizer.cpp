#include "chitu_core/io/tokenizer/unigram_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"

namespace chitu::io {
namespace {

using Json = nlohmann::json;

Unigram make_model(const Json& json, const std::string& file, UnigramVocab vocab) {
  const JsonObject model(file + ": model", member(json, "model"));
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
      steps_(contents.json, file_, PreTokenizer::Symbols::characters,
             [&](const std::string& piece) { return model_.id_of(piece); }) {
  read_template(member(contents.json, "post_processor"));
  const auto in_model = [&](const std::string& piece) { return model_.id_of(piece); };
  pad_id_ = steps_.special_id(folder, "pad_token", "<pad>", in_model);
  eos_id_ = steps_.special_id(folder, "eos_token", "</s>", in_model);
}

std::int64_t UnigramTokenizer::vocab_size() const {
  return std::max(model_.vocab_size(), steps_.end_of_ids());
}

void UnigramTokenizer::read_template(const Json& json) {
  if (json.is_null()) return;
  const JsonObject post(file_ + ": post_processor", json);
  const auto type = post.required<std::string>("type");
  if (type != "TemplateProcessing") post.fail("type", "\"" + type + "\" is not supported");
  if (!member(json, "single").is_array()) post.fail("single", "expected a list");
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

std::vector<std::int64_t> UnigramTokenizer::encode_text(std::string_view text) const {
  std::vector<std::int64_t> ids;
  steps_.split(
      text, [&](const std::string& word) { model_.encode(word, ids); },
      [&](std::int64_t id) { ids.push_back(id); });
  return ids;
}

}  // namespace chitu::io
