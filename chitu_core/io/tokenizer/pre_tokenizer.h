#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

/// The "pre_tokenizer" of a tokenizer.json: splits normalised text into the words that the model
/// sees one by one. Supports Metaspace (also in the form before tokenizers 0.15), WhitespaceSplit
/// and Sequence.
class PreTokenizer {
 public:
  /// `json` may be null: one word. Errors begin with `file`.
  /// Throws InputError naming a kind that is not supported or damaged.
  PreTokenizer(const nlohmann::json& json, const std::string& file);

  /// The words of valid UTF-8 text.
  std::vector<std::string> split(std::string_view text) const;

 private:
  using Words = std::vector<std::string>;
  using Step = std::function<void(const std::string& word, Words& out)>;

  void add(const nlohmann::json& json, const std::string& file);

  std::vector<Step> steps_;
};

}  // namespace chitu::io
