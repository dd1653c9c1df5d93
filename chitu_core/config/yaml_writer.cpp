#include "chitu_core/config/yaml_writer.h"

#include <charconv>
#include <cmath>

#include "chitu_core/config/scalars.h"
#include "chitu_core/config/text.h"

namespace chitu::config {
namespace {

constexpr std::size_t kWidth = 80;

/// Bytes of a character that YAML only takes escaped, beyond ASCII: a byte order mark, C1 controls,
/// Unicode line breaks. 0 for others.
std::size_t special_size(std::string_view text, std::size_t at) {
  const std::string_view rest = text.substr(at);
  if (rest.starts_with("\xEF\xBB\xBF") || rest.starts_with("\xE2\x80\xA8") ||
      rest.starts_with("\xE2\x80\xA9"))
    return 3;
  const bool c1 =
      rest.size() > 1 && rest[0] == '\xC2' && static_cast<unsigned char>(rest[1]) < 0xA0;
  return c1 ? 2 : 0;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\n') || byte == 0x7F;
}

/// What a text allows: the checks PyYAML's emitter makes before it picks a style.
struct Traits {
  bool special = false;  ///< needs escapes: control characters
  bool lines = false;
  bool block_plain = true;
  bool flow_plain = true;
  bool single = true;
};

Traits traits_of(std::string_view text) {
  Traits traits;
  if (text.empty()) {
    traits.block_plain = traits.flow_plain = false;
    return traits;
  }
  bool block_indicators = text.starts_with("---") || text.starts_with("...");
  bool flow_indicators = block_indicators;
  bool space_break = false, break_space = false;
  char before = ' ';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char after = i + 1 < text.size() ? text[i + 1] : ' ';
    const bool blank_after = after == ' ' || after == '\t' || after == '\n';
    if (i == 0) {
      if (std::string_view("#,[]{}&*!|>'\"%@`").find(c) != std::string_view::npos)
        block_indicators = flow_indicators = true;
      if (c == '?' || c == ':') {
        flow_indicators = true;
        if (blank_after) block_indicators = true;
      }
      if (c == '-' && blank_after) block_indicators = flow_indicators = true;
    } else {
      if (std::string_view(",?[]{}").find(c) != std::string_view::npos) flow_indicators = true;
      if (c == ':') {
        flow_indicators = true;
        if (blank_after) block_indicators = true;
      }
      if (c == '#' && (before == ' ' || before == '\n' || before == '\t'))
        block_indicators = flow_indicators = true;
    }
    if (c == '\n') traits.lines = true;
    if (is_control(c) || special_size(text, i) > 0) traits.special = true;
    if (c == ' ' && after == '\n') space_break = true;
    if (c == '\n' && after == ' ' && i + 1 < text.size()) break_space = true;
    before = c;
  }
  const bool edges = text.front() == ' ' || text.front() == '\n' || text.front() == '\t' ||
                     text.back() == ' ' || text.back() == '\n' || text.back() == '\t';
  if (edges || traits.lines || traits.special || text.find('\t') != std::string_view::npos)
    traits.block_plain = traits.flow_plain = false;
  if (text.back() == ' ' && text.find('\n') != std::string_view::npos) traits.single = false;
  if (space_break || traits.special) traits.single = false;
  if (break_space) traits.single = false;
  if (block_indicators) traits.block_plain = false;
  if (flow_indicators) traits.flow_plain = false;
  return traits;
}

/// Texts that OmegaConf quotes though YAML would read them as strings.
bool omegaconf_quotes(std::string_view text) {
  for (const char* word : {"y", "Y", "n", "N"})
    if (text == word) return true;
  return read_integer(text).has_value() || read_real(text).has_value();
}

class YamlWriter {
 public:
  explicit YamlWriter(bool fold) : fold_(fold) {}

  void block(const Node& node, std::size_t indent) {
    if (node.is_map()) {
      for (const Entry& entry : node.map()) {
        pad(indent);
        entry_at(entry, indent);
      }
    } else {
      for (const Node& item : node.list()) {
        pad(indent);
        item_at(item, indent);
      }
    }
  }

  void inline_value(const Node& node) {
    if (node.is_list()) {
      text += '[';
      for (const Node& item : node.list()) {
        if (&item != node.list().data()) text += ", ";
        inline_value(item);
      }
      text += ']';
    } else if (node.is_map()) {
      text += '{';
      for (const Entry& entry : node.map()) {
        if (&entry != node.map().begin()) text += ", ";
        key(entry.key, true);
        text += ": ";
        inline_value(entry.value);
      }
      text += '}';
    } else {
      scalar(node, 0, true);
    }
  }

  void scalar(const Node& node, std::size_t indent, bool flow) {
    switch (node.kind()) {
      case Kind::null:
        text += "null";
        break;
      case Kind::boolean:
        text += node.as_bool() ? "true" : "false";
        break;
      case Kind::integer:
        text += std::to_string(node.as_integer());
        break;
      case Kind::real:
        real(node.as_real());
        break;
      default:
        string(node.text(), indent, flow);
    }
  }

  std::string text;

 private:
  void pad(std::size_t indent) { text.append(indent, ' '); }

  void key(const Key& name, bool flow) {
    if (name.kind == Kind::string) {
      string(name.text, 0, flow, true);
    } else if (name.kind == Kind::real) {  // its text is Python's, which YAML reads otherwise
      double value = 0;
      std::from_chars(name.text.data(), name.text.data() + name.text.size(), value);
      real(value);
    } else {
      text += name.text;
    }
  }

  void entry_at(const Entry& entry, std::size_t indent) {
    key(entry.key, false);
    text += ':';
    const Node& value = entry.value;
    if (value.is_map() && !value.map().empty()) {
      text += '\n';
      block(value, indent + 2);
    } else if (value.is_list() && !value.list().empty()) {
      text += '\n';
      block(value, indent);
    } else {
      text += ' ';
      leaf(value, indent);
    }
  }

  void item_at(const Node& item, std::size_t indent) {
    text += "- ";
    if (item.is_map() && !item.map().empty()) {
      bool first = true;
      for (const Entry& entry : item.map()) {
        if (!first) pad(indent + 2);
        first = false;
        entry_at(entry, indent + 2);
      }
    } else if (item.is_list() && !item.list().empty()) {
      bool first = true;
      for (const Node& inner : item.list()) {
        if (!first) pad(indent + 2);
        first = false;
        item_at(inner, indent + 2);
      }
    } else {
      leaf(item, indent);
    }
  }

  void leaf(const Node& node, std::size_t indent) {
    if (node.is_container())
      inline_value(node);
    else
      scalar(node, indent + 2, false);
    text += '\n';
  }

  // PyYAML writes repr(), with ".0" before an exponent that lacks a point.
  void real(double value) {
    if (std::isnan(value)) {
      text += ".nan";
    } else if (std::isinf(value)) {
      text += value < 0 ? "-.inf" : ".inf";
    } else {
      std::string number = python_float(value);
      const std::size_t e = number.find('e');
      if (e != std::string::npos && number.find('.') == std::string::npos) number.insert(e, ".0");
      text += number;
    }
  }

  void string(const std::string& value, std::size_t indent, bool flow, bool simple_key = false) {
    const Traits traits = traits_of(value);
    const bool typed = is_typed_scalar(value) || value == "=" || value == "<<";
    const bool plain = (flow ? traits.flow_plain : traits.block_plain) && !typed &&
                       !omegaconf_quotes(value) && !(simple_key && traits.lines);
    if (plain)
      folded(value, indent, flow || simple_key, "");
    else if (traits.single && !(simple_key && traits.lines))
      single(value, indent, flow || simple_key);
    else
      double_quoted(value);
  }

  std::size_t column() const {
    const std::size_t line = text.rfind('\n');
    return line == std::string::npos ? text.size() : text.size() - line - 1;
  }

  /// Breaks at single spaces once the line is past the width, as PyYAML does.
  void folded(std::string_view value, std::size_t indent, bool one_line, std::string_view) {
    for (std::size_t i = 0; i < value.size(); ++i) {
      const bool lone_space = value[i] == ' ' && i > 0 && i + 1 < value.size() &&
                              value[i - 1] != ' ' && value[i + 1] != ' ';
      if (fold_ && !one_line && lone_space && column() > kWidth) {
        text += '\n';
        pad(indent);
      } else {
        text += value[i];
      }
    }
  }

  void single(std::string_view value, std::size_t indent, bool one_line) {
    text += '\'';
    for (std::size_t i = 0; i < value.size(); ++i) {
      const char c = value[i];
      const bool lone_space = c == ' ' && i > 0 && i + 1 < value.size() && value[i - 1] != ' ' &&
                              value[i + 1] != ' ' && value[i - 1] != '\n' && value[i + 1] != '\n';
      if (c == '\n') {
        // A line break is written as an empty line; the lines after it are indented.
        if (i == 0 || value[i - 1] != '\n') text += '\n';
        text += '\n';
        if (i + 1 < value.size() && value[i + 1] != '\n') pad(indent);
        if (i + 1 == value.size()) pad(indent);
      } else if (c == '\'') {
        text += "''";
      } else if (fold_ && !one_line && lone_space && column() > kWidth) {
        text += '\n';
        pad(indent);
      } else {
        text += c;
      }
    }
    text += '\'';
  }

  static std::string special_escape(std::string_view character) {
    if (character == "\xEF\xBB\xBF") return "\\uFEFF";
    if (character == "\xE2\x80\xA8") return "\\L";
    if (character == "\xE2\x80\xA9") return "\\P";
    return character[1] == '\x85' ? "\\N" : "\\x" + hex(character[1]);
  }

  static std::string hex(char c) {
    constexpr std::string_view kHex = "0123456789ABCDEF";
    const auto byte = static_cast<unsigned char>(c);
    return {kHex[byte >> 4], kHex[byte & 15]};
  }

  void double_quoted(std::string_view value) {
    text += '"';
    for (std::size_t i = 0; i < value.size(); ++i) {
      const char c = value[i];
      if (const std::size_t size = special_size(value, i)) {
        text += special_escape(value.substr(i, size));
        i += size - 1;
        continue;
      }
      const std::size_t named = std::string_view("\0\a\b\t\n\v\f\r\x1B\"\\", 11).find(c);
      if (named != std::string_view::npos) {
        text += '\\';
        text += std::string_view("0abtnvfre\"\\")[named];
      } else if (is_control(c)) {
        text += "\\x" + hex(c);
      } else {
        text += c;
      }
    }
    text += '"';
  }

  bool fold_;
};

}  // namespace

std::string to_yaml(const Node& node) {
  YamlWriter writer(true);
  const bool empty =
      (node.is_map() && node.map().empty()) || (node.is_list() && node.list().empty());
  if (node.is_container() && !empty) {
    writer.block(node, 0);
  } else {
    writer.inline_value(node);
    writer.text += '\n';
  }
  return std::move(writer.text);
}

std::string to_inline_yaml(const Node& node) {
  YamlWriter writer(false);
  writer.inline_value(node);
  return std::move(writer.text);
}

}  // namespace chitu::config
