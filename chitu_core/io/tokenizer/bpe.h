#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace chitu::io {

/// The bytes that a piece of a byte-level vocabulary stands for: such files write each byte as a
/// printable character. Returns false for a piece with other characters.
/// source  Radford et al. 2019 (GPT-2), encoder.py, bytes_to_unicode
bool bytes_of_piece(std::string_view piece, std::string& bytes);

/// Byte-level byte-pair encoding: a word begins as its bytes, and the neighbouring pair that comes
/// first in the list of merges is merged until none is in it.
/// source  Sennrich et al. 2016, arXiv:1508.07909; huggingface/tokenizers, models/bpe
class Bpe {
 public:
  using Vocab = std::vector<std::pair<std::string, std::int64_t>>;  ///< pieces as files write them
  using Merges = std::vector<std::pair<std::string, std::string>>;  ///< the first merge first

  /// whole_words  a word that is a piece becomes that piece, whatever the merges say
  /// file         begins errors
  /// throws       InputError for a byte without a piece, or a merge of what is no piece
  Bpe(const Vocab& vocab, const Merges& merges, bool whole_words, const std::string& file);

  /// Appends the ids of a word, any bytes.
  void encode(std::string_view word, std::vector<std::int64_t>& ids) const;

  /// The id of a piece, given as its bytes, or -1.
  std::int64_t id_of(const std::string& bytes) const;
  /// The largest id plus one.
  std::int64_t vocab_size() const { return vocab_size_; }

 private:
  struct Merge {
    std::int64_t rank, id;
  };
  class Word;

  void add(const Merges& merges, const std::string& file);
  static std::uint64_t pair_of(std::int64_t left, std::int64_t right) {
    return static_cast<std::uint64_t>(left) << 32 | static_cast<std::uint64_t>(right);
  }
  const Merge* merge_of(std::int64_t left, std::int64_t right) const;

  std::unordered_map<std::string, std::int64_t> ids_;  ///< by bytes
  std::array<std::int64_t, 256> byte_ids_{};
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::int64_t vocab_size_ = 0;
  bool whole_words_;
};

}  // namespace chitu::io
