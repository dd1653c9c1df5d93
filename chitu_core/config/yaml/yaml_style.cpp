#include "chitu_core/config/yaml/yaml_style.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "chitu_core/common/utf8.h"
#include "chitu_core/config/value/characters.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/scalars.h"

namespace chitu::config {
namespace {

using Characters = std::vector<std::string_view>;

constexpr std::size_t kSimpleKeySize = 128;  // characters, with the 5 of a tag !!str

/// 0xFFFFFFFF for an invalid byte.
char32_t code_point(std::string_view character) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(character[at]); };
  if (character_size(character, 0) == 0) return 0xFFFFFFFF;
  if (character.size() == 1) return byte(0);
  char32_t code = byte(0) & (0x7F >> character.size());
  for (std::size_t i = 1; i < character.size(); ++i) code = code << 6 | (byte(i) & 0x3F);
  return code;
}

bool is_one_of(std::string_view character, std::string_view set) {
  return character.size() == 1 && set.find(character[0]) != std::string_view::npos;
}

bool is_break(char32_t code) {
  return code == '\n' || code == 0x85 || code == 0x2028 || code == 0x2029;
}

bool is_white(std::string_view character) {
  return is_one_of(character, std::string_view("\0 \t\r", 4)) || is_yaml_break(character);
}

/// Characters that plain and single-quoted scalars may contain. Unlike OmegaConf, not the Unicode
/// line breaks: YAML 1.2 reads them as ordinary characters, and OmegaConf itself reads U+0085 as a
/// space.
bool is_printable(char32_t code) {
  if (code == '\n' || (code >= 0x20 && code <= 0x7E)) return true;
  if (is_break(code)) return false;
  return ((code >= 0xA0 && code <= 0xD7FF) || (code >= 0xE000 && code <= 0xFFFD) ||
          (code >= 0x10000 && code < 0x10FFFF)) &&
         code != 0xFEFF;
}

/// Which styles a text allows.
struct Traits {
  bool lines = false;  ///< contains a line break
  bool block_plain = true;
  bool flow_plain = true;
  bool single_quotes = true;
};

/// Indicators: characters with a meaning in YAML.
void note_indicators(const Characters& text, std::size_t at, Traits& traits) {
  const std::string_view c = text[at];
  const bool white_before = at == 0 || is_white(text[at - 1]);
  const bool white_after = at + 1 == text.size() || is_white(text[at + 1]);
  bool in_flow = is_one_of(c, ":?");
  bool in_block = c == ":" && white_after;
  if (at == 0) {
    in_block = is_one_of(c, "#,[]{}&*!|>'\"%@`") || (is_one_of(c, "?:-") && white_after);
  } else {
    in_flow = in_flow || is_one_of(c, ",[]{}");
    in_block = in_block || (c == "#" && white_before);
  }
  if (in_flow || in_block) traits.flow_plain = false;
  if (in_block) traits.block_plain = false;
}

/// Spaces and breaks at the ends or next to each other are lost by folding.
void note_spaces(const Characters& text, Traits& traits) {
  const auto at_end = [](std::string_view c) { return c == " " || is_yaml_break(c); };
  if (at_end(text.front()) || at_end(text.back())) traits.block_plain = traits.flow_plain = false;
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    const bool break_space = is_yaml_break(text[i]) && text[i + 1] == " ";
    const bool space_break = text[i] == " " && is_yaml_break(text[i + 1]);
    if (break_space || space_break) traits.single_quotes = false;
  }
}

Traits traits_of(std::string_view text) {
  Traits traits;
  if (text.empty()) {
    traits.flow_plain = false;
    return traits;
  }
  const Characters characters = yaml_characters(text);
  if (text.starts_with("---") || text.starts_with("..."))
    traits.block_plain = traits.flow_plain = false;
  for (std::size_t i = 0; i < characters.size(); ++i) {
    note_indicators(characters, i, traits);
    traits.lines = traits.lines || is_yaml_break(characters[i]);
    if (!is_printable(code_point(characters[i]))) traits.single_quotes = false;
  }
  note_spaces(characters, traits);
  if (traits.lines || !traits.single_quotes) traits.block_plain = traits.flow_plain = false;
  return traits;
}

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (at + count < text.size() && is_digit(text[at + count])) ++count;
  return count;
}

/// Consumes a prefix and `least` to `most` digits.
bool take_digits(std::string_view& text, std::string_view before, std::size_t least,
                 std::size_t most) {
  if (!text.starts_with(before)) return false;
  const std::size_t count = digits_at(text, before.size());
  if (count < least || count > most) return false;
  text.remove_prefix(before.size() + count);
  return true;
}

std::size_t take_blanks(std::string_view& text) {
  const std::size_t count = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(count);
  return count;
}

/// Z, +1, -05:00, or nothing.
bool is_time_zone(std::string_view text) {
  take_blanks(text);
  if (text.empty() || text == "Z") return true;
  const std::string_view sign = text.substr(0, 1);
  if ((sign != "+" && sign != "-") || !take_digits(text, sign, 1, 2)) return false;
  return text.empty() || (take_digits(text, ":", 2, 2) && text.empty());
}

/// A date or a time of YAML 1.1's timestamp: 2024-01-02, 2024-1-2 3:04:05.6 +01:00.
bool is_timestamp(std::string_view text) {
  std::string_view date = text;
  if (take_digits(date, "", 4, 4) && take_digits(date, "-", 2, 2) && take_digits(date, "-", 2, 2) &&
      date.empty())
    return true;
  if (!take_digits(text, "", 4, 4) || !take_digits(text, "-", 1, 2) ||
      !take_digits(text, "-", 1, 2))
    return false;
  if (text.starts_with('T') || text.starts_with('t'))
    text.remove_prefix(1);
  else if (take_blanks(text) == 0)
    return false;
  if (!take_digits(text, "", 1, 2) || !take_digits(text, ":", 2, 2) ||
      !take_digits(text, ":", 2, 2))
    return false;
  if (text.starts_with('.')) text.remove_prefix(1 + digits_at(text, 1));
  return is_time_zone(text);
}

// The zeros of Unicode's decimal digits (category Nd of version 14), each followed by 1 to 9.
constexpr std::array<char32_t, 66> kZeros{
    0x30,    0x660,   0x6F0,   0x7C0,   0x966,   0x9E6,   0xA66,   0xAE6,   0xB66,   0xBE6,
    0xC66,   0xCE6,   0xD66,   0xDE6,   0xE50,   0xED0,   0xF20,   0x1040,  0x1090,  0x17E0,
    0x1810,  0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,
    0xA8D0,  0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x11066,
    0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x11730, 0x118E0,
    0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0, 0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2,
    0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0};

bool is_unicode_space(char32_t code) {
  return (code >= 0x1C && code <= 0x1F) || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
         code == 0x205F || code == 0x3000;
}

/// Replaces Unicode digits and spaces by ASCII, as Python's float() does.
std::string with_ascii_digits(std::string_view text) {
  std::string plain;
  for (const std::string_view character : yaml_characters(text)) {
    const char32_t code = code_point(character);
    const auto zero = std::upper_bound(kZeros.begin(), kZeros.end(), code);
    if (zero != kZeros.begin() && code - *(zero - 1) < 10)
      plain += static_cast<char>('0' + (code - *(zero - 1)));
    else
      plain += is_unicode_space(code) ? std::string_view(" ") : character;
  }
  return plain;
}

/// Whether PyYAML reads a plain scalar with this text as something other than a string, or
/// OmegaConf quotes it anyway.
bool needs_quotes(std::string_view text) {
  if (is_typed_scalar(text) || is_timestamp(text)) return true;
  for (const char* word : {"=", "<<", "y", "Y", "n", "N"})
    if (text == word) return true;
  return read_real(with_ascii_digits(text)).has_value();
}

}  // namespace

Characters yaml_characters(std::string_view text) {
  Characters characters;
  for (std::size_t at = 0; at < text.size(); at += characters.back().size())
    characters.push_back(text.substr(at, std::max<std::size_t>(1, character_size(text, at))));
  return characters;
}

bool is_yaml_break(std::string_view character) { return is_break(code_point(character)); }

std::string double_quoted_character(std::string_view character) {
  constexpr std::string_view kNamed("\0\a\b\t\n\v\f\r\x1B\"\\", 11);
  if (is_one_of(character, kNamed))
    return std::string("\\") + "0abtnvfre\"\\"[kNamed.find(character[0])];
  const char32_t code = code_point(character);
  if (code == 0xFFFFFFFF) return fmt::format("\\x{:02X}", static_cast<unsigned char>(character[0]));
  if (code == 0x85) return "\\N";
  if (code == 0x2028) return "\\L";
  if (code == 0x2029) return "\\P";
  if (code < 0x10000 && code != '\n' && is_printable(code)) return std::string(character);
  const auto number = static_cast<std::uint32_t>(code);
  if (code <= 0xFF) return fmt::format("\\x{:02X}", number);
  return code <= 0xFFFF ? fmt::format("\\u{:04X}", number) : fmt::format("\\U{:08X}", number);
}

YamlStyle style_of(std::string_view text, YamlContext context) {
  const Traits traits = traits_of(text);
  const bool flow = context == YamlContext::flow;
  const bool one_line = context != YamlContext::block;
  const bool allowed = flow ? traits.flow_plain : traits.block_plain;
  if (allowed && !needs_quotes(text)) return YamlStyle::plain;
  return traits.single_quotes && !(one_line && traits.lines) ? YamlStyle::single_quoted
                                                             : YamlStyle::double_quoted;
}

bool is_simple_key(std::string_view text) {
  const Characters characters = yaml_characters(text);
  return !characters.empty() && characters.size() + 5 < kSimpleKeySize &&
         std::none_of(characters.begin(), characters.end(), is_yaml_break);
}

}  // namespace chitu::config
