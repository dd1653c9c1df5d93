#include "chitu_core/config/yaml_scalars.h"

#include <cstdint>
#include <optional>

namespace chitu::config {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool at_separator(const YamlReader& reader) {
  return (reader.at("---") || reader.at("...")) && reader.at_space(3);
}

std::string encoded(std::uint32_t code) {
  std::string text;
  const auto add = [&](std::uint32_t byte) { text += static_cast<char>(byte); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6);
    add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12);
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18);
    add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F));
    add(0x80 | (code & 0x3F));
  }
  return text;
}

std::optional<std::string> simple_escape(char c) {
  switch (c) {
    case '0':
      return std::string(1, '\0');
    case 'a':
      return "\a";
    case 'b':
      return "\b";
    case 't':
    case '\t':
      return "\t";
    case 'n':
      return "\n";
    case 'v':
      return "\v";
    case 'f':
      return "\f";
    case 'r':
      return "\r";
    case 'e':
      return "\x1B";
    case ' ':
    case '"':
    case '\\':
    case '/':
      return std::string(1, c);
    case 'N':
      return encoded(0x85);
    case '_':
      return encoded(0xA0);
    case 'L':
      return encoded(0x2028);
    case 'P':
      return encoded(0x2029);
    default:
      return std::nullopt;
  }
}

std::optional<int> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::string coded_escape(YamlReader& reader, int digits) {
  std::uint32_t code = 0;
  for (int i = 0; i < digits; ++i) {
    const auto digit = hex_digit(reader.peek());
    if (!digit)
      reader.fail("expected " + std::to_string(digits) + " hexadecimal digits after the escape");
    code = code << 4 | static_cast<std::uint32_t>(*digit);
    reader.forward();
  }
  if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
    reader.fail("the escape is no Unicode character");
  return encoded(code);
}

/// Line breaks and the blanks around them, inside quotes.
std::string quoted_breaks(YamlReader& reader) {
  std::string breaks;
  for (;;) {
    if (at_separator(reader)) reader.fail("a quoted text must not hold a document separator");
    while (is_blank(reader.peek())) reader.forward();
    if (!reader.at_break()) return breaks;
    breaks += reader.take_break();
  }
}

std::string escape(YamlReader& reader) {
  reader.forward();
  const char c = reader.peek();
  if (reader.at_break()) {
    reader.take_break();
    return quoted_breaks(reader);
  }
  if (const auto text = simple_escape(c)) {
    reader.forward();
    return *text;
  }
  const int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
  if (digits == 0)
    reader.fail(
        "unknown escape in double quotes; write \\\\ for a backslash, or use single quotes");
  reader.forward();
  return coded_escape(reader, digits);
}

/// Characters of a quoted scalar up to the next blank, line break or its end.
void quoted_word(YamlReader& reader, char quote, std::string& text) {
  for (;;) {
    const char c = reader.peek();
    if (reader.at_space()) return;
    if (quote == '\'' && c == '\'' && reader.peek(1) == '\'') {
      text += '\'';
      reader.forward(2);
    } else if (c == quote) {
      return;
    } else if (quote == '"' && c == '\\') {
      text += escape(reader);
    } else {
      text += reader.take(reader.character_size());
    }
  }
}

void quoted_spaces(YamlReader& reader, const YamlMark& start, std::string& text) {
  std::size_t size = 0;
  while (is_blank(reader.peek(size))) ++size;
  const std::string blanks = reader.take(size);
  if (reader.done()) reader.fail("the quote is not closed", start);
  if (!reader.at_break()) {
    text += blanks;
    return;
  }
  const std::string first = reader.take_break();
  const std::string more = quoted_breaks(reader);
  if (first != "\n")
    text += first;
  else if (more.empty())
    text += ' ';
  text += more;
}

struct BlockHeader {
  std::optional<bool> keep;  // of the final line breaks: + keeps all, - none, else one
  int increment = 0;
};

BlockHeader block_header(YamlReader& reader) {
  BlockHeader header;
  for (int i = 0; i < 2; ++i) {
    const char c = reader.peek();
    if ((c == '+' || c == '-') && !header.keep) {
      header.keep = c == '+';
    } else if (c >= '0' && c <= '9' && header.increment == 0) {
      header.increment = c - '0';
      if (header.increment == 0) reader.fail("the indentation of a block must be 1 to 9");
    } else {
      break;
    }
    reader.forward();
  }
  skip_rest_of_line(reader, "the block indicator");
  return header;
}

/// Line breaks and the spaces of up to `indent` columns before each.
std::string block_breaks(YamlReader& reader, int indent) {
  std::string breaks;
  for (;;) {
    while (reader.column() < indent && reader.peek() == ' ') reader.forward();
    if (!reader.at_break()) return breaks;
    breaks += reader.take_break();
  }
}

/// Leading empty lines; finds the deepest indentation among them.
std::string leading_breaks(YamlReader& reader, int& deepest) {
  std::string breaks;
  while (reader.peek() == ' ' || reader.at_break()) {
    if (reader.peek() == ' ') {
      reader.forward();
      deepest = std::max(deepest, reader.column());
    } else {
      breaks += reader.take_break();
    }
  }
  return breaks;
}

/// What lies between two words of a plain scalar; empty when it ends here.
std::string plain_spaces(YamlReader& reader, bool& line_broken) {
  std::size_t size = 0;
  while (reader.peek(size) == ' ') ++size;
  const std::string blanks = reader.take(size);
  if (!reader.at_break()) return blanks;
  const std::string first = reader.take_break();
  line_broken = true;
  if (at_separator(reader)) return "";
  std::string more;
  while (reader.peek() == ' ' || reader.at_break()) {
    if (reader.peek() == ' ') {
      reader.forward();
      continue;
    }
    more += reader.take_break();
    if (at_separator(reader)) return "";
  }
  if (first != "\n") return first + more;
  return more.empty() ? " " : more;
}

bool ends_plain(const YamlReader& reader, std::size_t ahead, bool flow) {
  const char c = reader.peek(ahead);
  if (reader.at_space(ahead)) return true;
  const auto any_of = [](char character, const char* set) {
    for (; *set; ++set)
      if (*set == character) return true;
    return false;
  };
  if (c == ':')
    return reader.at_space(ahead + 1) || (flow && any_of(reader.peek(ahead + 1), ",[]{}"));
  return flow && any_of(c, ",?[]{}");
}

}  // namespace

void skip_rest_of_line(YamlReader& reader, const char* after) {
  while (reader.peek() == ' ') reader.forward();
  if (reader.peek() == '#')
    while (!reader.at_line_end()) reader.forward();
  if (!reader.at_line_end())
    reader.fail(std::string("expected a comment or the end of the line after ") + after);
  reader.take_break();
}

YamlToken scan_quoted(YamlReader& reader) {
  YamlToken token;
  token.type = YamlToken::Type::scalar;
  token.mark = reader.mark();
  const char quote = reader.peek();
  reader.forward();
  quoted_word(reader, quote, token.text);
  while (reader.peek() != quote) {
    quoted_spaces(reader, token.mark, token.text);
    quoted_word(reader, quote, token.text);
  }
  reader.forward();
  return token;
}

YamlToken scan_block(YamlReader& reader, int indent) {
  YamlToken token;
  token.type = YamlToken::Type::scalar;
  token.mark = reader.mark();
  const bool folded = reader.peek() == '>';
  reader.forward();
  const BlockHeader header = block_header(reader);
  const int least = std::max(1, indent + 1);
  std::string breaks, last_break;
  int column = least + header.increment - 1;
  if (header.increment == 0) {
    int deepest = 0;
    breaks = leading_breaks(reader, deepest);
    column = std::max(least, deepest);
  } else {
    breaks = block_breaks(reader, column);
  }
  while (reader.column() == column && !reader.done()) {
    token.text += breaks;
    const bool starts_with_word = !is_blank(reader.peek());
    std::size_t size = 0;
    while (!reader.at_line_end(size)) ++size;
    token.text += reader.take(size);
    last_break = reader.take_break();
    breaks = block_breaks(reader, column);
    if (reader.column() != column || reader.done()) break;
    const bool joins = folded && last_break == "\n" && starts_with_word && !is_blank(reader.peek());
    if (!joins)
      token.text += last_break;
    else if (breaks.empty())
      token.text += ' ';
  }
  if (header.keep != false) token.text += last_break;
  if (header.keep == true) token.text += breaks;
  return token;
}

YamlToken scan_plain(YamlReader& reader, int indent, bool flow, bool& line_broken) {
  YamlToken token;
  token.type = YamlToken::Type::scalar;
  token.mark = reader.mark();
  token.plain = true;
  std::string spaces;
  line_broken = false;
  for (;;) {
    if (reader.peek() == '#') break;
    std::size_t size = 0;
    while (!ends_plain(reader, size, flow)) ++size;
    if (size == 0) break;
    line_broken = false;
    token.text += spaces + reader.take(size);
    spaces = plain_spaces(reader, line_broken);
    if (spaces.empty() || reader.peek() == '#' || (!flow && reader.column() < indent + 1)) break;
  }
  return token;
}

}  // namespace chitu::config
