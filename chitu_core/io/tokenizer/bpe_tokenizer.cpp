#include "chitu_core/io/tokenizer/bpe_tokenizer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/lfs_pointer.h"
#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

using Json = nlohmann::json;
namespace fs = std::filesystem;

constexpr const char* kEndOfText = "<|endoftext|>";
/// How Qwen2Tokenizer cuts a text into words.
constexpr const char* kQwenWords =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

Bpe::Vocab read_vocab(const Json& json, const std::string& name) {
  if (!json.is_object()) throw InputError(name + ": expected an object of pieces and ids");
  Bpe::Vocab vocab;
  for (const auto& [piece, id] : json.items()) {
    if (!id.is_number_integer())
      throw InputError(name + ": " + piece + ": expected an integer, got " + id.dump());
    vocab.emplace_back(piece, id.get<std::int64_t>());
  }
  return vocab;
}

/// "a b", as merges.txt has it; ["a", "b"] in newer files; empty for anything else.
std::optional<std::pair<std::string, std::string>> read_merge(const Json& json) {
  if (json.is_array() && json.size() == 2 && json[0].is_string() && json[1].is_string())
    return std::pair{json[0].get<std::string>(), json[1].get<std::string>()};
  if (!json.is_string()) return std::nullopt;
  const auto& text = json.get_ref<const std::string&>();
  const std::size_t space = text.find(' ');
  if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
    return std::nullopt;
  return std::pair{text.substr(0, space), text.substr(space + 1)};
}

void refuse_text(const JsonObject& model, const char* key) {
  if (!model.value_or<std::string>(key, "").empty()) model.fail(key, "is not supported");
}

/// Every byte has a piece, so the settings for unknown characters have no effect.
Bpe read_model(const Json& json, const std::string& file) {
  const JsonObject model(file + ": model", json);
  if (model.value_or("dropout", 0.0) != 0.0) model.fail("dropout", "expected null");
  refuse_text(model, "continuing_subword_prefix");
  refuse_text(model, "end_of_word_suffix");
  const Json& merges = member(json, "merges");
  if (!merges.is_array()) model.fail("merges", "expected a list");
  Bpe::Merges read;
  for (const Json& merge : merges) {
    auto pair = read_merge(merge);
    if (!pair) model.fail("merges", "not a merge: " + merge.dump());
    read.push_back(*std::move(pair));
  }
  return {read_vocab(member(json, "vocab"), model.name() + ": vocab"), read,
          model.value_or("ignore_merges", false), file};
}

/// The template of a byte-level tokenizer changes offsets only.
void check_post_processor(const Json& json, const std::string& file) {
  if (json.is_null()) return;
  const JsonObject post(file + ": post_processor", json);
  const auto type = post.required<std::string>("type");
  if (type != "ByteLevel") post.fail("type", "\"" + type + "\" is not supported for BPE");
}

Json read_merges(const fs::path& path) {
  std::istringstream lines(read_fetched_file(path));
  Json merges = Json::array();
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || line.starts_with("#version")) continue;
    require_utf8(line, path.string());
    merges.push_back(line);
  }
  return merges;
}

/// Entries as tokenizer.json has them.
Json read_added_tokens(const fs::path& folder) {
  Json added = Json::array();
  const fs::path config = folder / "tokenizer_config.json", older = folder / "added_tokens.json";
  if (name_exists(config)) {
    const Json settings = read_json(config);
    for (const auto& [id, token] : member(settings, "added_tokens_decoder").items()) {
      Json entry = token;
      if (!entry.is_object() || id.find_first_not_of("0123456789") != std::string::npos)
        throw InputError(config.string() + ": added_tokens_decoder: " + id +
                         ": expected an id and an object");
      entry["id"] = std::stoll(id);
      added.push_back(std::move(entry));
    }
  }
  if (!added.empty() || !name_exists(older)) return added;
  const Json ids = read_json(older);
  for (const auto& [content, id] : ids.items())
    added.push_back({{"content", content}, {"id", id}, {"special", true}});
  return added;
}

void check_class(const fs::path& folder) {
  const fs::path path = folder / "tokenizer_config.json";
  if (!name_exists(path)) return;
  const JsonObject config = JsonObject::read(path);
  const auto name = config.value_or<std::string>("tokenizer_class", "Qwen2Tokenizer");
  if (name != "Qwen2Tokenizer" && name != "Qwen2TokenizerFast")
    config.fail("tokenizer_class", name +
                                       " is not supported without tokenizer.json, expected "
                                       "Qwen2Tokenizer");
}

Json byte_level(bool add_prefix_space) {
  return {{"type", "ByteLevel"}, {"add_prefix_space", add_prefix_space}, {"use_regex", false}};
}

/// What the tokenizer.json of a Qwen2Tokenizer says.
Json qwen_contents(const fs::path& folder) {
  const fs::path config = folder / "tokenizer_config.json";
  const bool prefix_space =
      name_exists(config) && JsonObject::read(config).value_or("add_prefix_space", false);
  const Json words{{"type", "Split"},
                   {"pattern", {{"Regex", kQwenWords}}},
                   {"behavior", "Isolated"},
                   {"invert", false}};
  return {
      {"model",
       {{"type", "BPE"},
        {"vocab", read_json(folder / "vocab.json")},
        {"merges", read_merges(folder / "merges.txt")}}},
      {"normalizer", {{"type", "NFC"}}},
      {"pre_tokenizer",
       {{"type", "Sequence"}, {"pretokenizers", Json::array({words, byte_level(prefix_space)})}}},
      {"added_tokens", read_added_tokens(folder)}};
}

std::string main_file(const fs::path& folder) {
  const fs::path whole = folder / "tokenizer.json";
  return (name_exists(whole) ? whole : folder / "vocab.json").string();
}

}  // namespace

BpeTokenizer::BpeTokenizer(const fs::path& folder, const Json& contents)
    : file_(main_file(folder)),
      model_(read_model(JsonObject(file_, contents).object("model").json(), file_)),
      steps_(contents, file_, PreTokenizer::Symbols::bytes, nullptr) {
  check_post_processor(member(contents, "post_processor"), file_);
  const auto in_model = [&](const std::string& piece) { return model_.id_of(piece); };
  pad_id_ = steps_.special_id(folder, "pad_token", kEndOfText, in_model);
  eos_id_ = steps_.special_id(folder, "eos_token", kEndOfText, in_model);
}

std::int64_t BpeTokenizer::vocab_size() const {
  return std::max(model_.vocab_size(), steps_.end_of_ids());
}

std::unique_ptr<Tokenizer> BpeTokenizer::from_vocab_and_merges(const fs::path& folder) {
  check_class(folder);
  return std::make_unique<BpeTokenizer>(folder, qwen_contents(folder));
}

std::vector<std::int64_t> BpeTokenizer::encode_text(std::string_view text) const {
  std::vector<std::int64_t> ids;
  steps_.split(
      text, [&](const std::string& word) { model_.encode(word, ids); },
      [&](std::int64_t id) { ids.push_back(id); });
  return ids;
}

}  // namespace chitu::io
