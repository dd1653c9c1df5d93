#include <ATen/ATen.h>

#include <nlohmann/json.hpp>

#include "chitu_core/io/json.h"
#include "chitu_core/io/prompt_clean.h"
#include "chitu_core/io/tokenizer.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

const std::filesystem::path kData = std::filesystem::path(CHITU_TEST_DATA) / "io";

void check_ids(const Tokenizer& tokenizer, const std::string& group) {
  const auto cases = read_json(kData / "token_ids.json").at(group);
  REQUIRE(cases.size() > 40);
  for (const auto& row : cases) {
    INFO(row.dump());
    const auto text = row["text"].get<std::string>();
    const auto expected = row["ids"].get<std::vector<std::int64_t>>();
    if (row.contains("max_length"))
      CHECK(tokenizer.encode(text, row["max_length"].get<std::int64_t>()) == expected);
    else
      CHECK(tokenizer.encode(text) == expected);
  }
}

TEST_CASE("token ids equal those of huggingface/tokenizers", "[io][parity]") {
  for (const std::string name : {"modern", "legacy", "unusual"}) {
    INFO(name);
    check_ids(*Tokenizer::load(kData / ("tokenizer_" + name)), name);
  }
}

#ifndef __SANITIZE_ADDRESS__  // which gives no library a scope of its own

TEST_CASE("loading the sentencepiece library does not change libtorch's allocator",
          "[io][parity]") {
  const ScratchFolder folder("scope");
  std::filesystem::copy_file(kData / "tokenizer_legacy" / "spiece.model", folder / "spiece.model");
  Tokenizer::load(folder.path());
  // Variables of the two libraries with the same name used to overlap; libtorch then ended the
  // process here.
  CHECK_THROWS(at::empty({std::int64_t{1} << 46}));
}

TEST_CASE("without tokenizer.json the ids equal those of sentencepiece", "[io][parity]") {
  const ScratchFolder folder("spiece");
  for (const char* file : {"spiece.model", "tokenizer_config.json"})
    std::filesystem::copy_file(kData / "tokenizer_legacy" / file, folder / file);
  const auto tokenizer = Tokenizer::load(folder.path());
  check_ids(*tokenizer, "spiece");
  const auto legacy = Tokenizer::load(kData / "tokenizer_legacy");
  CHECK(tokenizer->vocab_size() == legacy->vocab_size());
  const std::string special = "</s><extra_id_0><extra_id_3><pad>";
  CHECK(tokenizer->encode(special) == legacy->encode(special));
}

#endif

TEST_CASE("prompts are cleaned as by ftfy, html and regex", "[io][parity]") {
  const auto cases = read_json(kData / "prompt_clean.json").at("cases");
  REQUIRE(cases.size() > 300);
  for (const auto& row : cases) {
    INFO(row.dump());
    CHECK(prompt_clean(row["text"].get<std::string>()) == row["clean"].get<std::string>());
  }
}

}  // namespace
}  // namespace chitu::io
