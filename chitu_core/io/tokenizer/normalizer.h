#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

/// The "normalizer" of a tokenizer.json: a chain of text transformations. Supports Sequence,
/// Precompiled, Replace (by string or regular expression), NFC, NFD, NFKC, NFKD, Lowercase and
/// Strip.
class Normalizer {
 public:
  /// `json` may be null: no change. Errors begin with `file`.
  /// Throws InputError naming a step that is not supported or damaged.
  Normalizer(const nlohmann::json& json, const std::string& file);

  /// Normalises valid UTF-8 text.
  std::string apply(std::string_view text) const;

 private:
  using Step = std::function<std::string(std::string_view)>;

  void add(const nlohmann::json& json, const std::string& file);

  std::vector<Step> steps_;
};

}  // namespace chitu::io
