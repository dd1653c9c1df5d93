#include "chitu_core/io/text/html_unescape.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "chitu_core/io/text/html_entities.h"

namespace chitu::io {
namespace {

constexpr std::size_t kLongestName = 32;

/// The two tables as sets, built at first use.
struct Entities {
  std::unordered_map<std::u32string, std::u32string> named;
  std::unordered_set<std::u32string> bare;

  Entities() {
    for_each_word(kHtmlEntities, [this](std::string_view word) {
      const auto equals = word.find('=');
      named.emplace(widened(word.substr(0, equals)), characters(word.substr(equals + 1)));
    });
    for_each_word(kBareHtmlEntities, [this](std::string_view word) { bare.insert(widened(word)); });
  }

  template <typename Visit>
  static void for_each_word(std::string_view text, const Visit& visit) {
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = std::min(text.find(' ', start), text.size());
      visit(text.substr(start, end - start));
      start = end + 1;
    }
  }

  static std::u32string widened(std::string_view ascii) { return {ascii.begin(), ascii.end()}; }

  /// "2242+338" as two characters.
  static std::u32string characters(std::string_view hex) {
    std::u32string text;
    const char* at = hex.data();
    const char* const end = at + hex.size();
    while (at < end) {
      std::uint32_t value = 0;
      at = std::from_chars(at, end, value, 16).ptr + 1;
      text += static_cast<char32_t>(value);
    }
    return text;
  }
};

const Entities& entities() {
  static const Entities table;
  return table;
}

bool in(char32_t c, char32_t first, char32_t last) { return first <= c && c <= last; }
bool is_digit(char32_t c) { return in(c, U'0', U'9'); }
bool is_hex(char32_t c) { return is_digit(c) || in(c, U'a', U'f') || in(c, U'A', U'F'); }
bool is_name(char32_t c) {
  return std::u32string_view(U"\t\n\f <&#;").find(c) == std::string::npos;
}

/// The text of a numeric reference; empty for characters that HTML forbids.
std::u32string numbered(char32_t number) {
  if (number == 0 || in(number, 0xd800, 0xdfff) || number > 0x10ffff) return U"\ufffd";
  if (in(number, 0x80, 0x9f)) return {windows_1252_for_c1(number)};
  const bool control = in(number, 1, 8) || number == 0xb || in(number, 0xe, 0x1f) || number == 0x7f;
  const bool noncharacter = in(number, 0xfdd0, 0xfdef) || (number & 0xfffe) == 0xfffe;
  return control || noncharacter ? std::u32string() : std::u32string{number};
}

/// The reference at the start of `text`, which follows an "&": its characters and its length in the
/// text; nothing if there is none.
struct Reference {
  std::u32string characters;
  std::size_t length = 0;
};

Reference numeric_reference(std::u32string_view text) {
  const bool hex = text.size() > 1 && (text[1] == U'x' || text[1] == U'X');
  const std::size_t start = hex ? 2 : 1;
  std::size_t end = start;
  char32_t number = 0;
  for (; end < text.size() && (hex ? is_hex(text[end]) : is_digit(text[end])); ++end) {
    const char32_t c = text[end];
    const char32_t digit = is_digit(c) ? c - U'0' : (c | 0x20) - U'a' + 10;
    number = std::min<char32_t>(number * (hex ? 16 : 10) + digit, 0x110000);
  }
  if (end == start) return {};
  if (end < text.size() && text[end] == U';') ++end;
  return {numbered(number), end};
}

Reference named_reference(std::u32string_view text) {
  const auto stop = std::find_if_not(text.begin(), text.end(), is_name);
  const auto available = static_cast<std::size_t>(stop - text.begin());
  const std::u32string_view name = text.substr(0, std::min(available, kLongestName));
  const bool closed = name.size() < text.size() && text[name.size()] == U';';
  if (closed)
    if (const auto found = html_entity(name); !found.empty())
      return {std::u32string(found), name.size() + 1};
  for (std::size_t length = name.size(); length > 1; --length) {
    const std::u32string prefix(name.substr(0, length));
    if (entities().bare.contains(prefix)) return {std::u32string(html_entity(prefix)), length};
  }
  return {};
}

}  // namespace

char32_t windows_1252_for_c1(char32_t character) {
  static constexpr std::array<char32_t, 32> kWindows1252 = {
      0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
      0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
      0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};
  return in(character, 0x80, 0x9f) ? kWindows1252[character - 0x80] : character;
}

std::u32string_view html_entity(std::u32string_view name) {
  const auto found = entities().named.find(std::u32string(name));
  return found == entities().named.end() ? std::u32string_view() : found->second;
}

std::u32string html_unescape(std::u32string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::u32string_view rest = text.substr(i + 1);
    Reference reference;
    if (text[i] == U'&' && !rest.empty())
      reference = rest[0] == U'#' ? numeric_reference(rest) : named_reference(rest);
    if (reference.length > 0)
      out += reference.characters;
    else
      out += text[i];
    i += 1 + reference.length;
  }
  return out;
}

}  // namespace chitu::io
