#include "chitu_core/io/text/fix_text.h"

#include <unicode/locid.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/io/text/html_unescape.h"

namespace chitu::io {
namespace {

using Text = std::u32string;
using View = std::u32string_view;

bool in(char32_t c, char32_t first, char32_t last) { return first <= c && c <= last; }
bool is_small(char32_t c) { return in(c, U'a', U'z'); }
bool is_capital(char32_t c) { return in(c, U'A', U'Z'); }
bool is_alphanumeric(char32_t c) { return is_small(c) || is_capital(c) || in(c, U'0', U'9'); }

icu::UnicodeString to_icu(View text) {
  icu::UnicodeString out;
  for (const char32_t c : text) out.append(static_cast<UChar32>(c));
  return out;
}

Text from_icu(const icu::UnicodeString& text) {
  Text out;
  for (std::int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1))
    out += static_cast<char32_t>(text.char32At(i));
  return out;
}

Text normalized(const icu::Normalizer2* (*form)(UErrorCode&), View text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* normalizer = form(status);
  icu::UnicodeString out;
  if (U_SUCCESS(status)) out = normalizer->normalize(to_icu(text), status);
  if (U_FAILURE(status)) throw Error(std::string("ICU: normalisation: ") + u_errorName(status));
  return from_icu(out);
}

/// The replacement of a closed reference "&...;", or nothing to keep it. A name in capitals that
/// HTML does not define is the capital of the name in small letters (&NTILDE;).
std::optional<Text> meaning(View reference) {
  const View name = reference.substr(1, reference.size() - 2);
  const Text unescaped = html_unescape(reference);
  if (name[0] == U'#') {
    if (unescaped.find(U';') != Text::npos) return std::nullopt;
    return unescaped;
  }
  if (const View found = html_entity(name); !found.empty()) return Text(found);
  if (unescaped != reference || std::any_of(name.begin(), name.end(), is_small))
    return std::nullopt;
  Text small(name);
  for (char32_t& c : small)
    if (is_capital(c)) c += U'a' - U'A';
  const View found = html_entity(small);
  if (found.empty()) return std::nullopt;
  return from_icu(to_icu(found).toUpper(icu::Locale::getRoot()));
}

/// The length of "&name;" or "&#number;" (1 to 24 letters and digits) at the start of `text`, else
/// 0. Only closed references count: "this&not that" has none.
std::size_t reference_length(View text) {
  constexpr std::size_t kLongest = 24;
  if (text[0] != U'&') return 0;
  const std::size_t start = text.size() > 1 && text[1] == U'#' ? 2 : 1;
  std::size_t end = start;
  while (end < text.size() && end - start < kLongest && is_alphanumeric(text[end])) ++end;
  return end > start && end < text.size() && text[end] == U';' ? end + 1 : 0;
}

Text unescape_references(View text) {
  Text out;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(reference_length(text), 1);
    const View here = text.substr(0, length);
    out += length > 1 ? meaning(here).value_or(Text(here)) : Text(here);
    text.remove_prefix(length);
  }
  return out;
}

template <typename Replace>
Text each_character(View text, const Replace& replace) {
  Text out;
  out.reserve(text.size());
  for (const char32_t c : text) out += replace(c);
  return out;
}

Text fix_ligature(char32_t c) {
  static constexpr std::array<std::pair<char32_t, View>, 22> kLigatures{{
      {U'\u0132', U"IJ"},      {U'\u0133', U"ij"},      {U'\u0149', U"\u02bcn"},
      {U'\u01c4', U"D\u017d"}, {U'\u01c5', U"D\u017e"}, {U'\u01c6', U"d\u017e"},
      {U'\u01c7', U"LJ"},      {U'\u01c8', U"Lj"},      {U'\u01c9', U"lj"},
      {U'\u01ca', U"NJ"},      {U'\u01cb', U"Nj"},      {U'\u01cc', U"nj"},
      {U'\u01f1', U"DZ"},      {U'\u01f2', U"Dz"},      {U'\u01f3', U"dz"},
      {U'\ufb00', U"ff"},      {U'\ufb01', U"fi"},      {U'\ufb02', U"fl"},
      {U'\ufb03', U"ffi"},     {U'\ufb04', U"ffl"},     {U'\ufb05', U"\u017ft"},
      {U'\ufb06', U"st"},
  }};
  for (const auto& [ligature, letters] : kLigatures)
    if (c == ligature) return Text(letters);
  return {c};
}

/// Full-width Latin and half-width Katakana and Hangul become the ordinary characters.
Text fix_width(char32_t c) {
  if (c == U'\u3000') return U" ";
  if (in(c, 0xff01, 0xffef)) return normalized(icu::Normalizer2::getNFKCInstance, {&c, 1});
  return {c};
}

char32_t uncurl_quote(char32_t c) {
  if (in(c, 0x201c, 0x201f)) return U'"';
  return c == 0x02bc || in(c, 0x2018, 0x201b) ? U'\'' : c;
}

Text fix_line_breaks(View text) {
  Text out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if (c == U'\r' && i + 1 < text.size() && text[i + 1] == U'\n') continue;
    out += c == U'\r' || c == 0x2028 || c == 0x2029 || c == 0x85 ? U'\n' : c;
  }
  return out;
}

/// The length of a terminal escape sequence (ESC [, digits and semicolons, a letter), else 0.
std::size_t escape_length(View text) {
  if (!text.starts_with(U"\x1b[")) return 0;
  std::size_t end = 2;
  while (end < text.size() && (text[end] == U';' || u_isdigit(static_cast<UChar32>(text[end]))))
    ++end;
  return end < text.size() && (is_small(text[end]) || is_capital(text[end])) ? end + 1 : 0;
}

Text remove_terminal_escapes(View text) {
  Text out;
  while (!text.empty()) {
    const std::size_t length = escape_length(text);
    if (length == 0) out += text[0];
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

bool is_removed_control(char32_t c) {
  return c <= 8 || c == 0xb || in(c, 0xe, 0x1f) || c == 0x7f || in(c, 0x206a, 0x206f) ||
         c == 0xfeff || in(c, 0xfff9, 0xfffc);
}

Text fix_once(View line, bool unescape) {
  Text text = unescape ? unescape_references(line) : Text(line);
  text = each_character(text, windows_1252_for_c1);
  text = each_character(text, fix_ligature);
  text = each_character(text, fix_width);
  text = each_character(text, uncurl_quote);
  text = fix_line_breaks(text);
  // There are no surrogates to fix: neither valid UTF-8 nor a reference yields one.
  text = remove_terminal_escapes(text);
  std::erase_if(text, is_removed_control);
  return normalized(icu::Normalizer2::getNFCInstance, text);
}

Text fix_line(View line, bool unescape) {
  Text text(line);
  while (true) {
    Text fixed = fix_once(text, unescape);
    if (fixed == text) return text;
    text = std::move(fixed);
  }
}

}  // namespace

std::u32string fix_text(std::u32string_view text) {
  constexpr std::size_t kLongestLine = 1'000'000;
  Text out;
  bool unescape = true;
  while (!text.empty()) {
    const std::size_t line_end = std::min(text.find(U'\n'), text.size() - 1) + 1;
    const View line = text.substr(0, std::min(line_end, kLongestLine));
    // From the first "<" on, the text is treated as HTML, whose entities stay.
    unescape = unescape && line.find(U'<') == View::npos;
    out += fix_line(line, unescape);
    text.remove_prefix(line.size());
  }
  return out;
}

}  // namespace chitu::io
