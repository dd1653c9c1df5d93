#include <sentencepiece_processor.h>

#include "chitu_core/io/tokenizer/sentencepiece_library.h"

namespace chitu::io {
namespace {

class Model final : public SentencePieceModel {
 public:
  std::string load(std::string_view bytes) override {
    const auto status = processor_.LoadFromSerializedProto({bytes.data(), bytes.size()});
    return status.ok() ? "" : std::string(status.message());
  }
  int eos_id() const override { return processor_.eos_id(); }
  int pad_id() const override { return processor_.pad_id(); }
  int piece_size() const override { return processor_.GetPieceSize(); }
  bool is_special(int id) const override {
    return processor_.IsControl(id) || processor_.IsUnknown(id);
  }
  std::string piece(int id) const override { return processor_.IdToPiece(id); }
  std::vector<int> encode(std::string_view text) const override {
    // Before 0.1.97 the library has its own string_view.
    return processor_.EncodeAsIds({text.data(), text.size()});
  }

 private:
  sentencepiece::SentencePieceProcessor processor_;
};

}  // namespace
}  // namespace chitu::io

extern "C" chitu::io::SentencePieceModel* chitu_make_sentencepiece_model() {
  return new chitu::io::Model();
}
