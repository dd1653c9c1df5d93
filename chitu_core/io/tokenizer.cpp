#include "chitu_core/io/tokenizer.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/tokenizer/bpe_tokenizer.h"
#include "chitu_core/io/tokenizer/sentencepiece_tokenizer.h"
#include "chitu_core/io/tokenizer/tokenizer_file.h"
#include "chitu_core/io/tokenizer/unigram_tokenizer.h"
#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

bool is_bpe(const nlohmann::json& contents) {
  if (!contents.is_object() || !contents.contains("model")) return false;
  const auto& model = contents["model"];
  return model.is_object() && model.contains("type") && model["type"] == "BPE";
}

std::unique_ptr<Tokenizer> load_json(const std::filesystem::path& folder) {
  TokenizerFile contents = read_tokenizer_file(folder / "tokenizer.json");
  if (is_bpe(contents.json)) return std::make_unique<BpeTokenizer>(folder, contents.json);
  return std::make_unique<UnigramTokenizer>(folder, std::move(contents));
}

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::load(const std::filesystem::path& folder) {
  if (const auto problem = folder_problem(folder))
    throw InputError(folder.string() + ": " + *problem);
  // Includes a link without its target, which is reported when it is opened.
  if (name_exists(folder / "tokenizer.json")) return load_json(folder);
  if (name_exists(folder / "spiece.model")) return std::make_unique<SentencePieceTokenizer>(folder);
  if (name_exists(folder / "vocab.json") && name_exists(folder / "merges.txt"))
    return BpeTokenizer::from_vocab_and_merges(folder);
  throw InputError(folder.string() +
                   ": no tokenizer here, looked for tokenizer.json, spiece.model, and vocab.json "
                   "with merges.txt");
}

std::unique_ptr<Tokenizer> Tokenizer::load_file(const std::filesystem::path& path) {
  if (!folder_problem(path)) return load(path);
  if (path.filename() == "tokenizer.json") return load_json(path.parent_path());
  if (path.filename() == "spiece.model")
    return std::make_unique<SentencePieceTokenizer>(path.parent_path());
  throw InputError(path.string() +
                   ": not a tokenizer, expected tokenizer.json, spiece.model or a folder with one");
}

std::unique_ptr<Tokenizer> Tokenizer::from_sentencepiece(const std::string& bytes,
                                                         const std::string& name,
                                                         std::int64_t extra_ids) {
  return std::make_unique<SentencePieceTokenizer>(bytes, name, extra_ids);
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text) const {
  require_utf8(text, "text");
  std::vector<std::int64_t> ids = prefix();
  const auto body = encode_text(text);
  ids.insert(ids.end(), body.begin(), body.end());
  ids.insert(ids.end(), suffix().begin(), suffix().end());
  return ids;
}

std::vector<std::int64_t> Tokenizer::encode(std::string_view text, std::int64_t max_length) const {
  const auto around = static_cast<std::int64_t>(prefix().size() + suffix().size());
  if (max_length < around)
    throw InputError(fmt::format("max_length: expected {} or more, got {}", around, max_length));
  std::vector<std::int64_t> ids = encode(text);
  const auto surplus = static_cast<std::int64_t>(ids.size()) - max_length;
  if (surplus <= 0) return ids;
  const auto end = ids.end() - static_cast<std::ptrdiff_t>(suffix().size());
  ids.erase(end - surplus, end);
  return ids;
}

std::string tokenize_json(const Tokenizer& tokenizer, std::string_view json) {
  const std::string name = "standard input";
  const nlohmann::json texts = parse_json(json, name);
  if (!texts.is_array()) throw InputError(name + ": expected a JSON array of texts");
  std::string out = "[";
  for (const auto& text : texts) {
    if (!text.is_string())
      throw InputError(name + ": expected texts in the array, got " + text.dump());
    nlohmann::ordered_json row;
    row["text"] = text;
    row["ids"] = tokenizer.encode(text.get_ref<const std::string&>());
    out += (out.size() > 1 ? ",\n " : "") + row.dump();
  }
  return out + "]\n";
}

}  // namespace chitu::io
