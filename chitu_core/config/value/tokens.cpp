#include "chitu_core/config/value/tokens.h"

#include <algorithm>

#include "chitu_core/config/value/characters.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

// Length of digits with single underscores between them; leading zeros allowed.
std::size_t digits_size(std::string_view text) {
  if (text.empty() || !is_digit(text[0])) return 0;
  std::size_t size = 1;
  while (size < text.size()) {
    if (is_digit(text[size]))
      ++size;
    else if (text[size] == '_' && size + 1 < text.size() && is_digit(text[size + 1]))
      size += 2;
    else
      break;
  }
  return size;
}

std::size_t point_size(std::string_view text) {
  const std::size_t whole = unsigned_size(text);
  if (whole >= text.size() || text[whole] != '.') return 0;
  const std::size_t fraction = digits_size(text.substr(whole + 1));
  return whole == 0 && fraction == 0 ? 0 : whole + 1 + fraction;
}

std::size_t exponent_size(std::string_view text) {
  const std::size_t mantissa = std::max(point_size(text), unsigned_size(text));
  if (mantissa == 0 || mantissa >= text.size()) return 0;
  if (text[mantissa] != 'e' && text[mantissa] != 'E') return 0;
  std::size_t at = mantissa + 1;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  const std::size_t digits = digits_size(text.substr(at));
  return digits == 0 ? 0 : at + digits;
}

bool starts_with_word(std::string_view text, std::string_view word) {
  return text.size() >= word.size() && lower(text.substr(0, word.size())) == word;
}

std::size_t sign_size(std::string_view text) {
  return !text.empty() && (text[0] == '+' || text[0] == '-') ? 1 : 0;
}

std::size_t real_size(std::string_view text) {
  const std::size_t sign = sign_size(text);
  const std::string_view rest = text.substr(sign);
  std::size_t size = std::max(point_size(rest), exponent_size(rest));
  if (starts_with_word(rest, "inf") || starts_with_word(rest, "nan"))
    size = std::max<std::size_t>(size, 3);
  return size == 0 ? 0 : sign + size;
}

std::size_t integer_size(std::string_view text) {
  const std::size_t sign = sign_size(text);
  const std::size_t size = unsigned_size(text.substr(sign));
  return size == 0 ? 0 : sign + size;
}

std::size_t escape_size(std::string_view text) {
  std::size_t size = 0;
  while (size + 1 < text.size() && text[size] == '\\' &&
         std::string_view("\\()[]{}:=, \t").find(text[size + 1]) != std::string_view::npos)
    size += 2;
  return size;
}

std::size_t word_size(std::string_view text, bool utf8) {
  std::size_t size = identifier_size(text);
  if (!utf8) return size;
  const auto beyond_ascii = [&](std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0x80) != 0;
  };
  if (size == 0 && !beyond_ascii(0)) return 0;
  while (beyond_ascii(size) || (size > 0 && size < text.size() &&
                                (is_letter(text[size]) || is_digit(text[size]) ||
                                 text[size] == '_' || text[size] == '-')))
    ++size;
  return size;
}

}  // namespace

std::size_t unsigned_size(std::string_view text) {
  return text.starts_with('0') ? 1 : digits_size(text);
}

std::size_t identifier_size(std::string_view text) {
  if (text.empty() || (!is_letter(text[0]) && text[0] != '_')) return 0;
  std::size_t size = 1;
  while (size < text.size() &&
         (is_letter(text[size]) || is_digit(text[size]) || text[size] == '_' || text[size] == '-'))
    ++size;
  return size;
}

WordToken next_word(std::string_view text, bool utf8) {
  if (text.empty()) return {};
  // The longest wins; among equal lengths, the first.
  WordToken best;
  const auto offer = [&](Word word, std::size_t size) {
    if (size > best.size) best = {word, size};
  };
  offer(Word::real, real_size(text));
  offer(Word::integer, integer_size(text));
  if (starts_with_word(text, "true")) offer(Word::boolean, 4);
  if (starts_with_word(text, "false")) offer(Word::boolean, 5);
  if (starts_with_word(text, "null")) offer(Word::null, 4);
  if (std::string_view("/-\\+.$%*@?|").find(text[0]) != std::string_view::npos)
    offer(Word::character, 1);
  offer(Word::identifier, word_size(text, utf8));
  offer(Word::escape, escape_size(text));
  offer(Word::blank, std::min(text.find_first_not_of(" \t"), text.size()));
  return best;
}

Node word_value(Word word, std::string_view text) {
  switch (word) {
    case Word::null:
      return Node();
    case Word::boolean:
      return Node(lower(text) == "true");
    case Word::integer:
      if (const auto value = read_whole_number(text)) return *value;
      throw ConfigError("the number " + std::string(text) +
                        " does not fit 64 bits, expected -2^63 to 2^64 - 1 or a quoted text");
    case Word::real:
      return Node(read_real(text).value_or(0.0));
    case Word::escape:
      return Node::literal(unescaped(text));
    default:
      return Node::literal(std::string(text));
  }
}

std::string unescaped(std::string_view escapes) {
  std::string text;
  for (std::size_t i = 1; i < escapes.size(); i += 2) text += escapes[i];
  return text;
}

}  // namespace chitu::config
