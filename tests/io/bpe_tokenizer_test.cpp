#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/tokenizer.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// Written by tools/fixtures/qwen_image.py.
fs::path fixture(const std::string& name) {
  return fs::path(CHITU_TEST_DATA) / "qwen_image" / name;
}

/// A copy of a tokenizer's folder whose files a test changes.
struct Copy {
  explicit Copy(const std::string& name) {
    fs::copy(fixture(name), folder.path(),
             fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }
  void edit(const std::string& file, auto change) {
    json contents = read_json(folder.path() / file);
    change(contents);
    write_file(folder.path() / file, contents.dump());
  }
  void refused(const std::string& message) const {
    CHECK_THROWS_AS(Tokenizer::load(folder.path()), InputError);
    CHECK_THROWS_WITH(Tokenizer::load(folder.path()), Catch::ContainsSubstring(message));
  }
  ScratchFolder folder{"bpe"};
};

TEST_CASE("byte-level BPE gives the ids of huggingface/tokenizers, from either set of files",
          "[io][parity]") {
  const auto tokenizer = Tokenizer::load(fixture(GENERATE("tokenizer", "model/tokenizer")));
  for (const json& row : read_json(fixture("tokens.json"))) {
    const auto text = row.at("text").get<std::string>();
    CAPTURE(text);
    CHECK(tokenizer->encode(text) == row.at("ids").get<std::vector<std::int64_t>>());
  }
  CHECK(tokenizer->pad_id() == tokenizer->encode("<|endoftext|>").front());
  CHECK(tokenizer->eos_id() == tokenizer->encode("<|im_end|>").front());
}

TEST_CASE("a long word is encoded", "[io]") {
  const auto tokenizer = Tokenizer::load(fixture("tokenizer"));
  CHECK_FALSE(tokenizer->encode(std::string(200'000, 'e')).empty());
}

TEST_CASE("what a BPE tokenizer.json does not support is refused by name", "[io]") {
  Copy copy("tokenizer");
  SECTION("another normalizer or pre-tokenizer") {
    copy.edit("tokenizer.json", [](json& j) { j["pre_tokenizer"] = nullptr; });
    copy.refused("tokenizer.json: pre_tokenizer: expected one with ByteLevel");
  }
  SECTION("another split") {
    copy.edit("tokenizer.json",
              [](json& j) { j["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; });
    copy.refused("behavior: expected Isolated, got \"Removed\"");
  }
  SECTION("a broken expression") {
    copy.edit("tokenizer.json",
              [](json& j) { j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "("; });
    copy.refused("Regex: cannot use \"(\"");
  }
  SECTION("a byte without a piece") {
    copy.edit("tokenizer.json", [](json& j) { j["model"]["vocab"].erase("A"); });
    copy.refused("tokenizer.json: vocab: has no piece for the byte 65");
  }
  SECTION("a merge of unknown pieces") {
    copy.edit("tokenizer.json", [](json& j) { j["model"]["merges"][0] = {"q", "x"}; });
    copy.refused("merges: \"q x\" or what it makes is not in the vocab");
  }
  SECTION("dropout") {
    copy.edit("tokenizer.json", [](json& j) { j["model"]["dropout"] = 0.1; });
    copy.refused("dropout: expected null");
  }
}

TEST_CASE("vocab.json and merges.txt are those of Qwen2", "[io]") {
  Copy copy("model/tokenizer");
  SECTION("another class") {
    copy.edit("tokenizer_config.json", [](json& j) { j["tokenizer_class"] = "CLIPTokenizer"; });
    copy.refused("tokenizer_class: CLIPTokenizer is not supported without tokenizer.json");
  }
  SECTION("no merges") {
    fs::remove(copy.folder.path() / "merges.txt");
    copy.refused("no tokenizer here, looked for tokenizer.json, spiece.model, and vocab.json");
  }
  SECTION("a line that is no merge") {
    std::ofstream(copy.folder.path() / "merges.txt", std::ios::app) << "a b c\n";
    copy.refused("not a merge: \"a b c\"");
  }
}

}  // namespace
}  // namespace chitu::io
