#include "chitu_core/io/tokenizer/bpe.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <queue>

#include "chitu_core/common/error.h"
#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

constexpr std::int64_t kMostIds = std::int64_t{1} << 31;

bool is_written_as_itself(char32_t byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
         (byte >= 0xae && byte <= 0xff);
}

/// The byte of each character from U+0000 on; -1 for one that stands for no byte.
const std::vector<int>& bytes_of_characters() {
  static const std::vector<int> bytes = [] {
    std::vector<int> table(0x100, -1);
    for (int byte = 0; byte < 0x100; ++byte)
      if (is_written_as_itself(static_cast<char32_t>(byte)))
        table[static_cast<std::size_t>(byte)] = byte;
    for (int byte = 0; byte < 0x100; ++byte)  // the others follow, in their order
      if (!is_written_as_itself(static_cast<char32_t>(byte))) table.push_back(byte);
    return table;
  }();
  return bytes;
}

}  // namespace

bool bytes_of_piece(std::string_view piece, std::string& bytes) {
  bytes.clear();
  const auto& table = bytes_of_characters();
  for (std::size_t at = 0; at < piece.size();) {
    const char32_t character = next_character(piece, at);
    if (character >= table.size() || table[character] < 0) return false;
    bytes += static_cast<char>(table[character]);
  }
  return true;
}

/// A word while its pieces are merged.
class Bpe::Word {
 public:
  Word(const Bpe& bpe, std::string_view bytes) : bpe_(bpe) {
    const auto count = static_cast<std::int64_t>(bytes.size());
    for (std::int64_t i = 0; i < count; ++i) {
      const auto byte = static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
      pieces_.push_back({bpe.byte_ids_[byte], i - 1, i + 1 < count ? i + 1 : -1});
    }
    for (std::int64_t i = 0; i + 1 < count; ++i) offer(i, i + 1);
  }

  void merge_all() {
    while (!offers_.empty()) {
      const Offer best = offers_.top();
      offers_.pop();
      Piece& left = at(best.place);
      if (left.id != best.left || left.next < 0 || at(left.next).id != best.right) continue;
      merge(best);
    }
  }

  void append_to(std::vector<std::int64_t>& ids) const {
    for (std::int64_t i = pieces_.empty() ? -1 : 0; i >= 0; i = at(i).next) ids.push_back(at(i).id);
  }

 private:
  struct Piece {
    std::int64_t id, previous, next;  ///< -1 = none
  };
  /// A pair that may be merged; out of date once one of its pieces has changed.
  struct Offer {
    std::int64_t rank, place, left, right, id;
    auto operator<=>(const Offer&) const = default;
  };

  Piece& at(std::int64_t place) { return pieces_[static_cast<std::size_t>(place)]; }
  const Piece& at(std::int64_t place) const { return pieces_[static_cast<std::size_t>(place)]; }

  void offer(std::int64_t left, std::int64_t right) {
    if (left < 0 || right < 0) return;
    if (const Merge* merge = bpe_.merge_of(at(left).id, at(right).id))
      offers_.push({merge->rank, left, at(left).id, at(right).id, merge->id});
  }

  void merge(const Offer& pair) {
    Piece& left = at(pair.place);
    Piece& right = at(left.next);
    right.id = -1;
    left.id = pair.id;
    left.next = right.next;
    if (left.next >= 0) at(left.next).previous = pair.place;
    offer(left.previous, pair.place);
    offer(pair.place, left.next);
  }

  const Bpe& bpe_;
  std::vector<Piece> pieces_;
  std::priority_queue<Offer, std::vector<Offer>, std::greater<>> offers_;
};

Bpe::Bpe(const Vocab& vocab, const Merges& merges, bool whole_words, const std::string& file)
    : whole_words_(whole_words) {
  std::string bytes;
  for (const auto& [piece, id] : vocab) {
    if (id < 0 || id >= kMostIds)
      throw InputError(fmt::format("{}: vocab: expected ids of 0 or more, got {}", file, id));
    vocab_size_ = std::max(vocab_size_, id + 1);
    if (bytes_of_piece(piece, bytes)) ids_.emplace(bytes, id);
  }
  for (std::size_t byte = 0; byte < byte_ids_.size(); ++byte) {
    byte_ids_[byte] = id_of(std::string(1, static_cast<char>(byte)));
    if (byte_ids_[byte] < 0)
      throw InputError(fmt::format("{}: vocab: has no piece for the byte {}", file, byte));
  }
  add(merges, file);
}

void Bpe::add(const Merges& merges, const std::string& file) {
  std::string left, right;
  std::int64_t rank = 0;
  for (const auto& [first, second] : merges) {
    const bool written_in_bytes = bytes_of_piece(first, left) && bytes_of_piece(second, right);
    const std::int64_t merged = written_in_bytes ? id_of(left + right) : -1;
    if (merged < 0 || id_of(left) < 0 || id_of(right) < 0)
      throw InputError(fmt::format("{}: merges: \"{} {}\" or what it makes is not in the vocab",
                                   file, first, second));
    merges_.emplace(pair_of(id_of(left), id_of(right)), Merge{rank++, merged});
  }
}

const Bpe::Merge* Bpe::merge_of(std::int64_t left, std::int64_t right) const {
  const auto found = merges_.find(pair_of(left, right));
  return found == merges_.end() ? nullptr : &found->second;
}

std::int64_t Bpe::id_of(const std::string& bytes) const {
  const auto found = ids_.find(bytes);
  return found == ids_.end() ? -1 : found->second;
}

void Bpe::encode(std::string_view bytes, std::vector<std::int64_t>& ids) const {
  if (whole_words_)
    if (const std::int64_t id = id_of(std::string(bytes)); id >= 0) return ids.push_back(id);
  Word word(*this, bytes);
  word.merge_all();
  word.append_to(ids);
}

}  // namespace chitu::io
