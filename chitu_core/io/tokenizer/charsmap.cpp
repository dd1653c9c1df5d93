#include "chitu_core/io/tokenizer/charsmap.h"

#include <unicode/ubrk.h>
#include <unicode/utext.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>

#include "chitu_core/common/error.h"
#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

// A unit of the double array, in the format of the darts-clone library.
constexpr bool has_leaf(std::uint32_t unit) { return (unit >> 8 & 1) == 1; }
constexpr std::uint32_t value(std::uint32_t unit) { return unit & 0x7fffffff; }
constexpr std::uint32_t label(std::uint32_t unit) { return unit & 0x800000ff; }
constexpr std::uint32_t offset(std::uint32_t unit) { return unit >> 10 << ((unit & 1u << 9) >> 6); }

/// Longer clusters are mapped character by character.
constexpr std::size_t kLongestWholeCluster = 5;

void for_each_ascii_cluster(std::string_view text,
                            const std::function<void(std::string_view)>& visit) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = text.substr(i, 2) == "\r\n" ? 2 : 1;
    visit(text.substr(i, length));
    i += length;
  }
}

/// Extended grapheme clusters (Unicode annex 29).
void for_each_cluster(std::string_view text, const std::function<void(std::string_view)>& visit) {
  const bool ascii = std::all_of(text.begin(), text.end(),
                                 [](char byte) { return static_cast<signed char>(byte) >= 0; });
  if (ascii) return for_each_ascii_cluster(text, visit);
  UErrorCode status = U_ZERO_ERROR;
  UText source = UTEXT_INITIALIZER;
  utext_openUTF8(&source, text.data(), static_cast<std::int64_t>(text.size()), &status);
  const std::unique_ptr<UText, decltype(&utext_close)> close_text(&source, utext_close);
  const std::unique_ptr<UBreakIterator, decltype(&ubrk_close)> breaks(
      ubrk_open(UBRK_CHARACTER, "", nullptr, 0, &status), ubrk_close);
  ubrk_setUText(breaks.get(), &source, &status);
  if (U_FAILURE(status)) throw Error(std::string("ICU: grapheme clusters: ") + u_errorName(status));
  std::int32_t start = ubrk_first(breaks.get());
  for (std::int32_t end = ubrk_next(breaks.get()); end != UBRK_DONE;
       start = end, end = ubrk_next(breaks.get()))
    visit(text.substr(static_cast<std::size_t>(start), static_cast<std::size_t>(end - start)));
}

}  // namespace

Charsmap::Charsmap(std::string_view blob, const std::string& what) {
  std::uint32_t trie_bytes = 0;
  if (blob.size() >= sizeof trie_bytes) std::memcpy(&trie_bytes, blob.data(), sizeof trie_bytes);
  if (blob.size() < sizeof trie_bytes || trie_bytes == 0 || trie_bytes % 4 != 0 ||
      trie_bytes > blob.size() - sizeof trie_bytes)
    throw InputError(what + ": damaged: the trie's length does not fit");
  units_.resize(trie_bytes / 4);
  std::memcpy(units_.data(), blob.data() + sizeof trie_bytes, trie_bytes);
  normalized_ = blob.substr(sizeof trie_bytes + trie_bytes);
  require_utf8(normalized_, what);
}

std::string Charsmap::apply(std::string_view text) const {
  std::string out;
  out.reserve(text.size());
  for_each_cluster(text, [&](std::string_view cluster) { apply_cluster(cluster, out); });
  return out;
}

void Charsmap::apply_cluster(std::string_view cluster, std::string& out) const {
  if (cluster.size() <= kLongestWholeCluster) {
    if (const auto whole = lookup(cluster)) {
      out += *whole;
      return;
    }
  }
  for (std::size_t i = 0; i < cluster.size();) {
    const std::string_view one = cluster.substr(i, character_bytes(cluster[i]));
    out += lookup(one).value_or(one);
    i += one.size();
  }
}

std::optional<std::string_view> Charsmap::lookup(std::string_view text) const {
  std::size_t node = offset(units_[0]);
  for (const char byte : text) {
    if (byte == 0) break;
    node ^= static_cast<unsigned char>(byte);
    if (node >= units_.size() || label(units_[node]) != static_cast<unsigned char>(byte)) break;
    const std::uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) break;
    const std::size_t start = value(units_[node]);
    // A damaged map must not split a character of the replacements.
    if (start > normalized_.size() || U8_IS_TRAIL(normalized_[start])) break;
    return std::string_view(normalized_.c_str() + start);
  }
  return std::nullopt;
}

}  // namespace chitu::io
