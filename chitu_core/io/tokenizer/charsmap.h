#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

/// SentencePiece's precompiled normalisation (such as nmt_nfkc): a double-array trie of strings and
/// their replacements. Applied as in huggingface/tokenizers, which differs from SentencePiece: by
/// grapheme cluster, with the shortest prefix that the map knows, and character by character if the
/// cluster is long (6 bytes or more) or unknown.
/// source  huggingface/spm_precompiled and huggingface/tokenizers, normalizers/precompiled
class Charsmap {
 public:
  /// The map as stored in a SentencePiece model. Throws InputError "<what>: <problem>".
  Charsmap(std::string_view blob, const std::string& what);

  /// Normalises valid UTF-8 text.
  std::string apply(std::string_view text) const;

 private:
  void apply_cluster(std::string_view cluster, std::string& out) const;
  std::optional<std::string_view> lookup(std::string_view text) const;

  std::vector<std::uint32_t> units_;
  std::string normalized_;  ///< the replacements, each terminated by a zero byte
};

}  // namespace chitu::io
