#include "chitu_core/config/yaml/yaml_text.h"

#include <algorithm>

#include "chitu_core/config/value/characters.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kNextLine = "\xC2\x85";

/// Replaces the other line breaks of YAML 1.1 (CR, CR LF, NEL) by "\n".
std::string with_newlines(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r') {
      result += '\n';
      if (i + 1 < text.size() && text[i + 1] == '\n') ++i;
    } else if (text.substr(i).starts_with(kNextLine)) {
      result += '\n';
      ++i;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::string normalized(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (text.find('\r') == text.npos && text.find(kNextLine) == text.npos) return std::string(text);
  return with_newlines(text);
}

/// Of an escape in double quotes: x, u or U.
std::size_t digits_of_escape(char escaped) {
  return escaped == 'x' ? 2 : escaped == 'u' ? 4 : escaped == 'U' ? 8 : 0;
}

/// Size of the character if YAML does not allow it; else 0.
bool is_refused(std::string_view rest) {
  const auto byte = [&](std::size_t i) {
    return i < rest.size() ? static_cast<unsigned char>(rest[i]) : 0U;
  };
  if (byte(0) < 0x20) return byte(0) != '\t' && byte(0) != '\n';
  if (byte(0) == 0xC2) return byte(1) < 0xA0;
  return byte(0) == 0x7F || (byte(0) == 0xEF && byte(1) == 0xBF && byte(2) >= 0xBE);
}

}  // namespace

YamlText::YamlText(std::string_view text, std::string name) : name_(std::move(name)) {
  if (!is_utf8(text)) throw ConfigError(name_ + ": not UTF-8");
  text_ = normalized(text);
  check_characters();
  check_directives();
}

void YamlText::check_characters() const {
  for (std::size_t i = 0; i < text_.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text_[i]);
    if ((byte >= 0x20 && byte < 0x7F) || byte == '\n') continue;
    if (is_refused(std::string_view(text_).substr(i)))
      fail(i, "this character is not allowed in YAML");
  }
}

void YamlText::check_directives() const {
  std::size_t first = text_.npos;  // the first directive
  for (std::size_t at = 0; at < text_.size(); at = line_end(at) + 1) {
    const std::size_t word = skip_blanks(at);
    if (this->at(word) == '\n' || this->at(word) == '#') continue;
    if (text_[at] != '%') {
      const bool ends = std::string_view(text_).substr(at).starts_with("---");
      if (first != text_.npos && !ends) fail(at, "expected --- after the directives");
      return;
    }
    if (first == text_.npos) first = at;
  }
  if (first != text_.npos) fail(first, "expected --- after the directives");
}

std::size_t YamlText::line_start(std::size_t byte) const {
  const std::size_t before = byte == 0 ? text_.npos : text_.rfind('\n', byte - 1);
  return before == text_.npos ? 0 : before + 1;
}

std::size_t YamlText::line_end(std::size_t byte) const {
  return std::min(text_.find('\n', byte), text_.size());
}

int YamlText::column(std::size_t byte) const {
  const std::size_t start = line_start(byte);
  const auto starts_character = [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  };
  const std::string_view before = std::string_view(text_).substr(start, byte - start);
  return 1 + static_cast<int>(std::count_if(before.begin(), before.end(), starts_character));
}

void YamlText::fail(std::size_t byte, const std::string& problem) const {
  byte = std::min(byte, text_.size());
  const auto line =
      1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(byte), '\n');
  throw ConfigError(name_ + ":" + std::to_string(line) + ":" + std::to_string(column(byte)) + ": " +
                    problem);
}

std::size_t YamlText::skip_blanks(std::size_t byte) const {
  while (is_blank(at(byte))) ++byte;
  return byte;
}

std::size_t YamlText::skip_space(std::size_t byte) const {
  for (;;) {
    byte = skip_blanks(byte);
    if (at(byte) == '#') byte = line_end(byte);
    if (at(byte) != '\n') return byte;
    ++byte;
  }
}

std::size_t YamlText::skip_properties(std::size_t byte) const {
  while (at(byte) == '!' || at(byte) == '&')
    byte = skip_space(std::min(text_.find_first_of(" \t\n", byte), text_.size()));
  return byte;
}

bool YamlText::has_bare_tag(std::size_t byte) const {
  while (at(byte) == '&')
    byte = skip_space(std::min(text_.find_first_of(" \t\n", byte), text_.size()));
  const char next = at(byte + 1);
  return at(byte) == '!' && (is_blank(next) || next == '\n' || next == '\0');
}

std::size_t YamlText::quoted_end(std::size_t byte) const {
  const char quote = text_[byte];
  for (std::size_t i = byte + 1; i < text_.size(); ++i) {
    if (text_[i] == '\\' && quote == '"') {
      ++i;
    } else if (text_[i] == quote) {
      if (quote == '"' || at(i + 1) != quote) return i + 1;
      ++i;
    }
  }
  fail(byte, "this quote is never closed");
}

std::size_t YamlText::dropped_breaks(std::size_t byte) const {
  const std::size_t quote = quoted_end(byte) - 1;
  const bool is_double = text_[byte] == '"';
  const char escape = is_double ? '\\' : '\'';
  std::size_t breaks = 0, left = 0;  // since the last text; how many of them yaml-cpp leaves
  for (std::size_t i = byte + 1; i < quote; ++i) {
    if (text_[i] == escape) {
      const char escaped = text_[++i];
      breaks = escaped == '\n' ? 1 : 0;
      left = 2;
      if (is_double) i += digits_of_escape(escaped);
    } else if (text_[i] == '\n') {
      ++breaks;
    } else if (!is_blank(text_[i])) {
      breaks = 0;
      left = 1;
    }
  }
  const std::size_t folded = breaks > 1 ? breaks - 1 : 0;  // the first becomes a space, or goes
  return folded > left ? folded - left : 0;
}

bool YamlText::is_after_question_mark(std::size_t byte, std::size_t indent) const {
  while (byte > 0 && (is_blank(text_[byte - 1]) || text_[byte - 1] == '\n')) --byte;
  return byte > 0 && text_[byte - 1] == '?' && byte - 1 == line_start(byte - 1) + indent;
}

std::size_t YamlText::directive_after(std::size_t byte) const {
  const auto found = text_.find("\n%", byte);
  return found == text_.npos ? text_.npos : found + 1;
}

std::size_t YamlText::trailing_empty_lines(std::size_t byte, int indent) const {
  const std::size_t header_end = line_end(byte);
  const auto digit = text_.substr(byte, header_end - byte).find_first_of("123456789");
  const auto least = static_cast<std::size_t>(std::max(indent + 1, 1));
  std::size_t width = 0;  // indentation of the content; 0 = not known yet
  if (digit < 3) width = least + static_cast<std::size_t>(text_[byte + digit] - '1');
  std::size_t empty = 0;
  for (std::size_t line = header_end + 1; line < text_.size(); line = line_end(line) + 1) {
    const std::size_t end = line_end(line);
    const std::size_t column = std::min(text_.find_first_not_of(' ', line), end) - line;
    if (line + column == end && (width == 0 || column <= width)) {
      ++empty;
      continue;
    }
    if (width == 0) width = std::max(column, least);
    if (column < width) break;
    empty = 0;
  }
  return empty;
}

}  // namespace chitu::config
