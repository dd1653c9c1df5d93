#include "chitu_core/io/tokenizer.h"

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/tokenizer/charsmap.h"
#include "chitu_core/io/utf8.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

using Ids = std::vector<std::int64_t>;
using Json = nlohmann::json;

/// Four special tokens, the mark, "a", "b", "ab", "▁ab" and "<pad>"'s brackets; no normalizer.
Json small_tokenizer() {
  return Json::parse(R"({
    "added_tokens": [{"id": 0, "content": "<pad>", "special": true},
                     {"id": 1, "content": "</s>", "special": true},
                     {"id": 9, "content": "<extra>", "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "add_prefix_space": true},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
      "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
    "model": {"type": "Unigram", "unk_id": 2,
      "vocab": [["<pad>", 0], ["</s>", 0], ["<unk>", 0], ["▁", -2], ["a", -2.5], ["b", -3],
                ["ab", -4], ["▁ab", -7]]}})");
}

std::unique_ptr<Tokenizer> load(const ScratchFolder& folder, const Json& json) {
  write_file(folder / "tokenizer.json", json.dump(1));
  return Tokenizer::load(folder.path());
}

TEST_CASE("a text becomes the pieces of the highest total score, then </s>", "[io]") {
  const ScratchFolder folder("ids");
  const auto tokenizer = load(folder, small_tokenizer());
  CHECK(tokenizer->encode("ab") == Ids{3, 6, 1});  // -2 - 4 beats -7 and -2 - 2.5 - 3
  CHECK(tokenizer->encode("") == Ids{1});
  CHECK(tokenizer->encode(" ") == Ids{3, 1});
  CHECK(tokenizer->encode("a<extra>b<pad>") == Ids{3, 4, 9, 3, 5, 0, 1});
  CHECK(tokenizer->pad_id() == 0);
  CHECK(tokenizer->eos_id() == 1);
  CHECK(tokenizer->vocab_size() == 10);
}

TEST_CASE("neighbouring unknown characters are one unknown token", "[io]") {
  const ScratchFolder folder("unknown");
  const auto tokenizer = load(folder, small_tokenizer());
  CHECK(tokenizer->encode("a☃猫b☃") == Ids{3, 4, 2, 5, 2, 1});
  CHECK(tokenizer->encode("☃ ☃") == Ids{3, 2, 3, 2, 1});
}

TEST_CASE("truncation keeps the template's tokens", "[io]") {
  const ScratchFolder folder("truncate");
  const auto tokenizer = load(folder, small_tokenizer());
  CHECK(tokenizer->encode("a b a b", 4) == Ids{3, 4, 3, 1});
  CHECK(tokenizer->encode("a b a b", 9) == tokenizer->encode("a b a b"));
  CHECK(tokenizer->encode("a b", 1) == Ids{1});
  CHECK_THROWS_WITH(tokenizer->encode("a", 0), "max_length: expected 1 or more, got 0");
}

TEST_CASE("text that is not UTF-8 is refused with its position", "[io]") {
  const ScratchFolder folder("utf8");
  const auto tokenizer = load(folder, small_tokenizer());
  CHECK_THROWS_WITH(tokenizer->encode("ab\xff"), "text: not valid UTF-8 at byte 3");
  CHECK_THROWS_AS(tokenizer->encode("\xed\xa0\x80"), InputError);  // a surrogate
  CHECK_THROWS_AS(tokenizer->encode("\xf0\x9f\x90"), InputError);  // cut short
}

TEST_CASE("texts in JSON give their ids in JSON", "[io]") {
  const ScratchFolder folder("json");
  const auto tokenizer = load(folder, small_tokenizer());
  const auto rows = Json::parse(tokenize_json(*tokenizer, R"(["ab", "", "\u2603\n"])"));
  CHECK(rows == Json::parse(R"([{"text": "ab", "ids": [3, 6, 1]}, {"text": "", "ids": [1]},
                                {"text": "\u2603\n", "ids": [3, 2, 1]}])"));
  CHECK(tokenize_json(*tokenizer, "[]") == "[]\n");
  CHECK_THROWS_WITH(tokenize_json(*tokenizer, "{}"),
                    "standard input: expected a JSON array of texts");
  CHECK_THROWS_WITH(tokenize_json(*tokenizer, "[1]"),
                    "standard input: expected texts in the array, got 1");
  CHECK_THROWS_AS(tokenize_json(*tokenizer, "[\"a"), InputError);
}

TEST_CASE("special tokens are named by the folder's configuration", "[io]") {
  const ScratchFolder folder("special");
  write_file(folder / "special_tokens_map.json", R"({"pad_token": "</s>"})");
  write_file(folder / "tokenizer_config.json", R"({"eos_token": {"content": "<extra>"}})");
  const auto tokenizer = load(folder, small_tokenizer());
  CHECK(tokenizer->pad_id() == 1);
  CHECK(tokenizer->eos_id() == 9);
  write_file(folder / "tokenizer_config.json", R"({"eos_token": "<none>"})");
  CHECK_THROWS_WITH(Tokenizer::load(folder.path()), (folder / "tokenizer.json").string() +
                                                        ": the eos_token \"<none>\" is not in it");
}

TEST_CASE("a link to a missing file beside the tokenizer is reported as such", "[io]") {
  for (const char* name : {"special_tokens_map.json", "tokenizer_config.json"}) {
    const ScratchFolder folder("special_link");
    std::filesystem::create_symlink("../blobs/gone", folder / name);
    CHECK_THROWS_WITH(load(folder, small_tokenizer()),
                      (folder / name).string() +
                          ": a link to ../blobs/gone, which is missing: is "
                          "the download complete?");
  }
}

TEST_CASE("escapes in pieces and in JSON's own layout are understood", "[io]") {
  const ScratchFolder folder("escapes");
  std::string text = small_tokenizer().dump();
  const std::string piece = "[\"ab\",-4]";
  text.replace(text.find(piece), piece.size(), "[ \"\\u0061\\u0062\"\t,\n-4.0e0 ]");
  write_file(folder / "tokenizer.json", text);
  CHECK(Tokenizer::load(folder.path())->encode("ab") == Ids{3, 6, 1});
}

TEST_CASE("a tokenizer.json that Git LFS did not fetch is reported as such", "[io]") {
  const ScratchFolder folder("lfs");
  write_file(folder / "tokenizer.json",
             "version https://git-lfs.github.com/spec/v1\noid sha256:46\n");
  CHECK_THROWS_WITH(Tokenizer::load(folder.path()),
                    Catch::ContainsSubstring("a Git LFS pointer, not the file"));
}

TEST_CASE("a tokenizer with unsupported parts is refused by their names", "[io]") {
  const ScratchFolder folder("refused");
  const auto refused = [&](const char* pointer, const Json& value, const std::string& message) {
    Json json = small_tokenizer();
    json[Json::json_pointer(pointer)] = value;
    INFO(pointer << " = " << value.dump());
    CHECK_THROWS_AS(load(folder, json), InputError);
    CHECK_THROWS_WITH(load(folder, json),
                      Catch::ContainsSubstring((folder / "tokenizer.json").string() + ": ") &&
                          Catch::ContainsSubstring(message));
  };
  refused("/model/type", "WordPiece", "model: type: \"WordPiece\" is not supported");
  refused("/model/unk_id", 8, "model: unk_id: no such piece: 8");
  refused("/model/unk_id", nullptr, "model: unk_id: expected an integer, got null");
  refused("/model/vocab", Json::array(), "model: vocab: expected a list of [piece, score]");
  refused("/model/vocab/2", 7, "model.vocab: expected a list of [piece, score]");
  refused("/model/vocab/2/1", "x", "model.vocab: expected a list of [piece, score]");
  refused("/normalizer", {{"type", "Nmt"}}, "normalizer: type: \"Nmt\" is not supported");
  refused("/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "A!=="}},
          "precompiled_charsmap: expected base64");
  refused("/normalizer", {{"type", "Precompiled"}, {"precompiled_charsmap", "/////w=="}},
          "precompiled_charsmap: damaged");
  refused("/normalizer", {{"type", "Replace"}, {"pattern", {{"Regex", "("}}}, {"content", ""}},
          "pattern.Regex: cannot use \"(\"");
  refused("/pre_tokenizer/type", "Digits", "pre_tokenizer: type: \"Digits\" is not supported");
  refused("/pre_tokenizer/prepend_scheme", "first", "expected always or never, got \"first\"");
  refused("/post_processor/type", "ByteLevel", "post_processor: type: \"ByteLevel\"");
  refused("/added_tokens/0/id", -1, "added_tokens: id: expected 0 or more");
}

TEST_CASE("a damaged tokenizer file is refused with its position, without a crash", "[io]") {
  const ScratchFolder folder("damaged");
  const std::string good = small_tokenizer().dump(1);
  for (std::size_t length = 0; length < good.size(); length += 7) {
    INFO(length);
    write_file(folder / "tokenizer.json", good.substr(0, length));
    CHECK_THROWS_WITH(Tokenizer::load(folder.path()),
                      Catch::ContainsSubstring((folder / "tokenizer.json").string() + ":"));
  }
  write_file(folder / "tokenizer.json", "\xff" + good);
  CHECK_THROWS_WITH(Tokenizer::load(folder.path()),
                    Catch::ContainsSubstring("tokenizer.json: not valid UTF-8 at byte 1"));
}

TEST_CASE("a hostile character map gives valid text or an error", "[io]") {
  std::uint32_t state = 1;
  const auto random = [&] { return state = state * 1664525u + 1013904223u, state >> 8; };
  for (int round = 0; round < 500; ++round) {
    // Units that point anywhere, in the map and beyond it, to whole characters and into them.
    std::vector<std::uint32_t> units(1 + random() % 300);
    for (auto& unit : units)
      unit = random() % 4 == 0 ? random() << 9 : random() % 1024 << 8 | random() % 256;
    const auto trie_bytes = static_cast<std::uint32_t>(4 * units.size());
    std::string blob(reinterpret_cast<const char*>(&trie_bytes), 4);
    blob.append(reinterpret_cast<const char*>(units.data()), trie_bytes).append("\u00e9\0x\0", 5);
    const Charsmap map(blob, "map");
    std::string text;
    for (char32_t c = 1; c < 0x250; ++c) append_character(text, c);
    CHECK_NOTHROW(require_utf8(map.apply(text + "e\u0301\r\n"), "normalised"));
  }
  CHECK_THROWS_WITH(Charsmap("", "map"), "map: damaged: the trie's length does not fit");
  CHECK_THROWS_AS(Charsmap(std::string("\4\0\0\0", 4), "map"), InputError);
  CHECK_THROWS_AS(Charsmap(std::string("\4\0\0\0aaaa\xff", 9), "map"), InputError);
}

TEST_CASE("the error about a folder without a tokenizer lists the files that were looked for",
          "[io]") {
  const ScratchFolder folder("none");
  CHECK_THROWS_WITH(Tokenizer::load(folder.path()),
                    Catch::ContainsSubstring("looked for tokenizer.json, spiece.model"));
  CHECK_THROWS_WITH(Tokenizer::load(folder / "gone"), Catch::ContainsSubstring("no such folder"));
#ifndef __SANITIZE_ADDRESS__  // which gives no library a scope of its own
  write_file(folder / "spiece.model", "not a model");
  CHECK_THROWS_WITH(Tokenizer::load(folder.path()),
                    Catch::ContainsSubstring("spiece.model: not a SentencePiece model"));
#endif
}

}  // namespace
}  // namespace chitu::io
