#include "chitu_core/config/yaml_reader.h"

#include "chitu_core/config/error.h"
#include "chitu_core/config/text.h"

namespace chitu::config {

YamlReader::YamlReader(std::string_view text, std::string name)
    : text_(text), name_(std::move(name)) {
  if (!is_utf8(text_)) throw ConfigError(name_ + ": not UTF-8");
  check_characters();
  if (at("\xEF\xBB\xBF")) at_ = 3;  // a byte order mark
}

YamlMark YamlReader::mark_of(std::size_t byte) const {
  YamlMark mark;
  for (std::size_t i = 0; i < byte; ++i) {
    if (text_[i] == '\n') {
      ++mark.line;
      mark.column = 0;
    } else if ((static_cast<unsigned char>(text_[i]) & 0xC0) != 0x80) {
      ++mark.column;
    }
  }
  return mark;
}

void YamlReader::check_characters() const {
  for (std::size_t i = 0; i < text_.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text_[i]);
    if ((byte >= 0x20 && byte < 0x7F) || byte == '\n') continue;
    const unsigned char next = i + 1 < text_.size() ? static_cast<unsigned char>(text_[i + 1]) : 0;
    const unsigned char third = i + 2 < text_.size() ? static_cast<unsigned char>(text_[i + 2]) : 0;
    const bool control = (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r') ||
                         byte == 0x7F || (byte == 0xC2 && next < 0xA0 && next != 0x85);
    const bool not_a_character = byte == 0xEF && next == 0xBF && third >= 0xBE;
    if (control || not_a_character) fail("this character is not allowed in YAML", mark_of(i));
  }
}

std::size_t YamlReader::break_size(std::size_t ahead) const {
  switch (static_cast<unsigned char>(peek(ahead))) {
    case '\n':
      return 1;
    case '\r':
      return peek(ahead + 1) == '\n' ? 2 : 1;
    case 0xC2:
      return static_cast<unsigned char>(peek(ahead + 1)) == 0x85 ? 2 : 0;
    case 0xE2: {
      const auto last = static_cast<unsigned char>(peek(ahead + 2));
      const bool separator =
          static_cast<unsigned char>(peek(ahead + 1)) == 0x80 && (last == 0xA8 || last == 0xA9);
      return separator ? 3 : 0;
    }
    default:
      return 0;
  }
}

bool YamlReader::at_space(std::size_t ahead) const {
  const char c = peek(ahead);
  return c == '\0' || c == ' ' || c == '\t' || at_break(ahead);
}

std::size_t YamlReader::character_size() const {
  std::size_t size = 1;
  while ((static_cast<unsigned char>(peek(size)) & 0xC0) == 0x80) ++size;
  return size;
}

void YamlReader::forward(std::size_t bytes) {
  for (; bytes > 0 && !done(); --bytes) {
    if ((static_cast<unsigned char>(text_[at_]) & 0xC0) != 0x80) {
      ++mark_.column;
      ++index_;
    }
    ++at_;
  }
}

std::string YamlReader::take(std::size_t bytes) {
  std::string text(text_.substr(at_, bytes));
  forward(bytes);
  return text;
}

std::string YamlReader::take_break() {
  const std::size_t size = break_size();
  if (size == 0) return "";
  std::string text = size == 3 ? std::string(text_.substr(at_, 3)) : "\n";
  at_ += size;
  ++index_;
  ++mark_.line;
  mark_.column = 0;
  return text;
}

void YamlReader::fail(const std::string& problem, const YamlMark& mark) const {
  throw ConfigError(name_ + ":" + std::to_string(mark.line + 1) + ":" +
                    std::to_string(mark.column + 1) + ": " + problem);
}

}  // namespace chitu::config
