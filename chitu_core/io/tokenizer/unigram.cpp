#include "chitu_core/io/tokenizer/unigram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

/// FNV-1a works byte by byte, so the hashes of all prefixes of a text need one pass.
constexpr std::uint64_t kHashStart = 0xcbf29ce484222325;
constexpr std::uint64_t hash_step(std::uint64_t hash, char byte) {
  return (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
}
/// FNV's low bits are weak for short keys; fold the high ones in.
constexpr std::size_t slot_of(std::uint64_t hash, std::size_t slots) {
  return static_cast<std::size_t>(hash ^ hash >> 32) & (slots - 1);
}

constexpr double kUnknownPenalty = 10;

}  // namespace

std::string_view UnigramVocab::piece(std::size_t id) const {
  const std::size_t start = id == 0 ? 0 : ends[id - 1];
  return std::string_view(text).substr(start, ends[id] - start);
}

void UnigramVocab::add(std::string_view piece, double score) {
  text += piece;
  ends.push_back(static_cast<std::uint32_t>(text.size()));
  scores.push_back(score);
}

struct Unigram::Node {
  double score = 0;
  std::size_t start = kNone;  ///< where the last piece of the best path begins
  std::int64_t id = 0;
  static constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

  void offer(double candidate, std::size_t from, std::int64_t piece) {
    if (start == kNone || candidate > score) *this = {candidate, from, piece};
  }
};

Unigram::Unigram(UnigramVocab vocab, std::int64_t unk_id, bool byte_fallback)
    : vocab_(std::move(vocab)),
      slots_(std::bit_ceil(2 * vocab_.size() + 1), -1),
      unk_id_(unk_id),
      byte_fallback_(byte_fallback) {
  double lowest = std::numeric_limits<double>::infinity();
  for (std::size_t id = 0; id < vocab_.size(); ++id) {
    const std::string_view piece = vocab_.piece(id);
    std::uint64_t hash = kHashStart;
    for (const char byte : piece) hash = hash_step(hash, byte);
    std::size_t slot = slot_of(hash, slots_.size());
    while (slots_[slot] >= 0 && vocab_.piece(static_cast<std::size_t>(slots_[slot])) != piece)
      slot = (slot + 1) & (slots_.size() - 1);
    slots_[slot] = static_cast<std::int32_t>(id);  // of two equal pieces the later one is used
    longest_ = std::max(longest_, piece.size());
    lowest = std::min(lowest, vocab_.scores[id]);
  }
  unk_score_ = lowest - kUnknownPenalty;
}

std::int32_t Unigram::find(std::string_view piece, std::uint64_t hash) const {
  std::size_t slot = slot_of(hash, slots_.size());
  while (slots_[slot] >= 0 && vocab_.piece(static_cast<std::size_t>(slots_[slot])) != piece)
    slot = (slot + 1) & (slots_.size() - 1);
  return slots_[slot];
}

std::int64_t Unigram::id_of(std::string_view piece) const {
  std::uint64_t hash = kHashStart;
  for (const char byte : piece) hash = hash_step(hash, byte);
  return find(piece, hash);
}

std::vector<Unigram::Node> Unigram::best_paths(std::string_view text) const {
  std::vector<Node> ends_at(text.size() + 1);
  for (std::size_t start = 0; start < text.size();) {
    const double score_here = ends_at[start].score;
    const std::size_t one = character_bytes(text[start]);
    const std::size_t limit = std::min(longest_, text.size() - start);
    bool covered = false;
    std::uint64_t hash = kHashStart;
    for (std::size_t length = 1; length <= limit; ++length) {
      hash = hash_step(hash, text[start + length - 1]);
      const std::int32_t id = find(text.substr(start, length), hash);
      if (id < 0) continue;
      const double score = vocab_.scores[static_cast<std::size_t>(id)];
      ends_at[start + length].offer(score + score_here, start, id);
      covered = covered || length == one;
    }
    if (!covered) ends_at[start + one].offer(unk_score_ + score_here, start, unk_id_);
    start += one;
  }
  return ends_at;
}

void Unigram::encode(std::string_view text, std::vector<std::int64_t>& ids) const {
  const std::vector<Node> ends_at = best_paths(text);
  std::vector<std::string_view> pieces;  // from the last to the first
  bool joining = false;                  // whether the last piece is a run of unknown characters
  for (std::size_t end = text.size(); end > 0;) {
    const Node& node = ends_at[end];
    const bool unknown = node.id == unk_id_;
    if (unknown && joining)
      pieces.back() = text.substr(node.start, pieces.back().size() + end - node.start);
    else
      pieces.push_back(text.substr(node.start, end - node.start));
    joining = unknown;
    end = node.start;
  }
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) append(*piece, ids);
}

void Unigram::append(std::string_view piece, std::vector<std::int64_t>& ids) const {
  const std::int64_t id = id_of(piece);
  if (id >= 0 || !byte_fallback_) {
    ids.push_back(id >= 0 ? id : unk_id_);
    return;
  }
  std::vector<std::int64_t> bytes;
  for (const char byte : piece)
    bytes.push_back(id_of(fmt::format("<0x{:02X}>", static_cast<unsigned char>(byte))));
  if (std::find(bytes.begin(), bytes.end(), -1) != bytes.end()) bytes = {unk_id_};
  ids.insert(ids.end(), bytes.begin(), bytes.end());
}

}  // namespace chitu::io
