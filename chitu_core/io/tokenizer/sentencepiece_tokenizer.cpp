#include "chitu_core/io/tokenizer/sentencepiece_tokenizer.h"

#include <sentencepiece_processor.h>

#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/json.h"

namespace chitu::io {
namespace {

AddedToken special_token(std::string content, std::int64_t id) {
  AddedToken token;
  token.content = std::move(content);
  token.id = id;
  token.special = true;
  return token;
}

/// T5's sentinels stand behind the model's own pieces, in falling order.
std::int64_t extra_ids(const std::filesystem::path& folder) {
  const auto config = folder / "tokenizer_config.json";
  if (!std::filesystem::exists(config)) return 0;
  const JsonObject json = JsonObject::read(config);
  const auto count = json.value_or<std::int64_t>("extra_ids", 0);
  if (count < 0 || count > 100'000) json.fail("extra_ids", "expected 0 to 100000");
  return count;
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const std::filesystem::path& folder)
    : processor_(std::make_unique<sentencepiece::SentencePieceProcessor>()) {
  const auto path = folder / "spiece.model";
  const auto status = processor_->LoadFromSerializedProto(read_file(path));
  if (!status.ok())
    throw InputError(path.string() +
                     ": not a SentencePiece model: " + std::string(status.message()));
  if (processor_->eos_id() < 0) throw InputError(path.string() + ": it has no </s>");
  if (processor_->pad_id() < 0) throw InputError(path.string() + ": it has no <pad>");
  suffix_ = {processor_->eos_id()};
  pad_id_ = processor_->pad_id();
  std::vector<AddedToken> special;
  for (int id = 0; id < processor_->GetPieceSize(); ++id)
    if (processor_->IsControl(id) || processor_->IsUnknown(id))
      special.push_back(special_token(processor_->IdToPiece(id), id));
  const std::int64_t extra = extra_ids(folder);
  vocab_size_ = processor_->GetPieceSize() + extra;
  for (std::int64_t i = 0; i < extra; ++i)
    special.push_back(special_token("<extra_id_" + std::to_string(i) + ">", vocab_size_ - 1 - i));
  special_ = AddedTokenMatcher(std::move(special));
}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

std::vector<std::int64_t> SentencePieceTokenizer::encode_text(std::string_view text) const {
  std::vector<std::int64_t> ids;
  special_.split(
      text,
      [&](std::string_view part) {
        // Before 0.1.97 the library had a string_view of its own.
        for (const int id : processor_->EncodeAsIds({part.data(), part.size()})) ids.push_back(id);
      },
      [&](std::int64_t id) { ids.push_back(id); });
  return ids;
}

}  // namespace chitu::io
