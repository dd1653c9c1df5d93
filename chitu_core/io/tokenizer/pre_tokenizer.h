#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

class JsonObject;

/// The "pre_tokenizer" of a tokenizer.json: splits normalised text into the words that the model
/// sees one by one. Supports Metaspace (also in the form before tokenizers 0.15), WhitespaceSplit,
/// Split, ByteLevel and Sequence.
class PreTokenizer {
 public:
  /// What the model's pieces consist of. ByteLevel is for models of bytes, which take a word's
  /// bytes as they are.
  enum class Symbols { characters, bytes };

  /// `json` may be null: one word. Errors begin with `file`.
  /// Throws InputError naming a kind that is not supported or damaged; for bytes, also one without
  /// ByteLevel.
  PreTokenizer(const nlohmann::json& json, const std::string& file,
               Symbols symbols = Symbols::characters);

  /// The words of valid UTF-8 text.
  std::vector<std::string> split(std::string_view text) const;

 private:
  using Words = std::vector<std::string>;
  using Step = std::function<void(const std::string& word, Words& out)>;

  void add(const nlohmann::json& json, const std::string& file);
  void add_byte_level(const JsonObject& step);

  std::vector<Step> steps_;
  Symbols symbols_;
  bool is_byte_level_ = false;
};

}  // namespace chitu::io
