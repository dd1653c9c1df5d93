#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::io {

/// Pieces and their log probabilities; a piece's id is its index. All pieces are in one string, so
/// a quarter of a million of them need one allocation.
struct UnigramVocab {
  std::string text;
  std::vector<std::uint32_t> ends;  ///< where each piece ends in `text`
  std::vector<double> scores;

  std::size_t size() const { return ends.size(); }
  std::string_view piece(std::size_t id) const;
  void add(std::string_view piece, double score);
};

/// The Unigram language model: splits a text into the pieces with the highest total score.
/// source  Kudo 2018, arXiv:1804.10959; huggingface/tokenizers, models/unigram
class Unigram {
 public:
  /// `unk_id` is the id for characters that no piece covers. With `byte_fallback` they become the
  /// pieces <0x00> to <0xFF> of their bytes if the vocabulary has all of these.
  Unigram(UnigramVocab vocab, std::int64_t unk_id, bool byte_fallback);

  /// Appends the ids of valid UTF-8 text. Neighbouring unknown characters become one id.
  void encode(std::string_view text, std::vector<std::int64_t>& ids) const;

  /// The id of a piece, or -1.
  std::int64_t id_of(std::string_view piece) const;
  std::int64_t vocab_size() const { return static_cast<std::int64_t>(vocab_.size()); }

 private:
  struct Node;  ///< the best path to a position in the text

  std::vector<Node> best_paths(std::string_view text) const;
  void append(std::string_view piece, std::vector<std::int64_t>& ids) const;
  std::int32_t find(std::string_view piece, std::uint64_t hash) const;

  UnigramVocab vocab_;
  std::vector<std::int32_t> slots_;  ///< hash table with open addressing: ids, -1 = free
  std::size_t longest_ = 0;          ///< bytes of the longest piece
  std::int64_t unk_id_;
  double unk_score_ = 0;
  bool byte_fallback_;
};

}  // namespace chitu::io
