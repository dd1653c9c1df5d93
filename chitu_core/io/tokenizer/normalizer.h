#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

/// The "normalizer" of a tokenizer.json: a chain of text to text steps. Knows Sequence,
/// Precompiled, Replace (by string or regular expression), NFC, NFD, NFKC, NFKD, Lowercase and
/// Strip.
class Normalizer {
 public:
  /// `json` may be null: nothing to do. `file` opens the messages.
  /// Throws InputError naming a kind of step that is not supported, or a damaged one.
  Normalizer(const nlohmann::json& json, const std::string& file);

  /// Normalises valid UTF-8 text.
  std::string apply(std::string_view text) const;

 private:
  using Step = std::function<std::string(std::string_view)>;

  void add(const nlohmann::json& json, const std::string& file);

  std::vector<Step> steps_;
};

}  // namespace chitu::io
