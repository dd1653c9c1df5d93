#include "chitu_core/io/tokenizer/sentencepiece_tokenizer.h"

#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/lfs_pointer.h"

namespace chitu::io {
namespace {

AddedToken special_token(std::string content, std::int64_t id) {
  AddedToken token;
  token.content = std::move(content);
  token.id = id;
  token.special = true;
  return token;
}

/// T5's sentinels follow the model's own pieces, in descending order.
std::int64_t extra_ids(const std::filesystem::path& folder) {
  const auto config = folder / "tokenizer_config.json";
  if (!name_exists(config)) return 0;
  const JsonObject json = JsonObject::read(config);
  const auto count = json.value_or<std::int64_t>("extra_ids", 0);
  if (count < 0 || count > 100'000) json.fail("extra_ids", "expected 0 to 100000");
  return count;
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const std::filesystem::path& folder)
    : SentencePieceTokenizer(read_fetched_file(folder / "spiece.model"),
                             (folder / "spiece.model").string(), extra_ids(folder)) {}

SentencePieceTokenizer::SentencePieceTokenizer(const std::string& bytes, const std::string& name,
                                               std::int64_t extra)
    : model_(make_sentencepiece_model()) {
  if (const std::string fault = model_->load(bytes); !fault.empty())
    throw InputError(name + ": not a SentencePiece model: " + fault);
  if (model_->eos_id() < 0) throw InputError(name + ": it has no </s>");
  if (model_->pad_id() < 0) throw InputError(name + ": it has no <pad>");
  suffix_ = {model_->eos_id()};
  pad_id_ = model_->pad_id();
  std::vector<AddedToken> special;
  for (int id = 0; id < model_->piece_size(); ++id)
    if (model_->is_special(id)) special.push_back(special_token(model_->piece(id), id));
  vocab_size_ = model_->piece_size() + extra;
  for (std::int64_t i = 0; i < extra; ++i)
    special.push_back(special_token("<extra_id_" + std::to_string(i) + ">", vocab_size_ - 1 - i));
  special_ = AddedTokenMatcher(std::move(special));
}

std::vector<std::int64_t> SentencePieceTokenizer::encode_text(std::string_view text) const {
  std::vector<std::int64_t> ids;
  special_.split(
      text,
      [&](std::string_view part) {
        for (const int id : model_->encode(part)) ids.push_back(id);
      },
      [&](std::int64_t id) { ids.push_back(id); });
  return ids;
}

}  // namespace chitu::io
