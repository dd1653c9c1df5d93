#include "chitu_core/config/yaml/yaml_writer.h"

#include <charconv>
#include <cmath>

#include "chitu_core/config/value/text.h"
#include "chitu_core/config/yaml/yaml_style.h"

namespace chitu::config {
namespace {

constexpr std::size_t kWidth = 80;

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
        key(entry.key, YamlContext::flow);
        text += ": ";
        inline_value(entry.value);
      }
      text += '}';
    } else {
      scalar(node, 0, YamlContext::flow);
    }
  }

  void scalar(const Node& node, std::size_t indent, YamlContext context) {
    switch (node.kind()) {
      case Kind::null:
      case Kind::boolean:
      case Kind::integer:
        text += scalar_text(node);
        break;
      case Kind::real:
        real(node.as_real());
        break;
      default:
        string(node.text(), indent, context);
    }
  }

  std::string text;

 private:
  void pad(std::size_t indent) { text.append(indent, ' '); }

  void key(const Key& name, YamlContext context) {
    if (name.kind == Kind::string) {
      string(name.text, 0, context);
    } else if (name.kind == Kind::real) {  // the text is Python's, which is not YAML's
      double value = 0;
      std::from_chars(name.text.data(), name.text.data() + name.text.size(), value);
      real(value);
    } else {
      text += name.text;
    }
  }

  void entry_at(const Entry& entry, std::size_t indent) {
    if (entry.key.kind != Kind::string || is_simple_key(entry.key.text)) {
      key(entry.key, YamlContext::simple_key);
      text += ':';
      value_at(entry.value, indent);
      return;
    }
    text += "? ";
    string(entry.key.text, indent + 2, YamlContext::block);
    text += '\n';
    pad(indent);
    text += ": ";
    inner(entry.value, indent);
  }

  /// The value after `key:`.
  void value_at(const Node& value, std::size_t indent) {
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
    inner(item, indent);
  }

  /// A value on the line of its indicator `- ` or `: `.
  void inner(const Node& node, std::size_t indent) {
    bool first = true;
    const auto next_line = [&] {
      if (!first) pad(indent + 2);
      first = false;
    };
    if (node.is_map() && !node.map().empty()) {
      for (const Entry& entry : node.map()) {
        next_line();
        entry_at(entry, indent + 2);
      }
    } else if (node.is_list() && !node.list().empty()) {
      for (const Node& item : node.list()) {
        next_line();
        item_at(item, indent + 2);
      }
    } else {
      leaf(node, indent);
    }
  }

  void leaf(const Node& node, std::size_t indent) {
    if (node.is_container())
      inline_value(node);
    else
      scalar(node, indent + 2, YamlContext::block);
    text += '\n';
  }

  // PyYAML writes repr(), and adds ".0" before an exponent without a point.
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

  void string(std::string_view value, std::size_t indent, YamlContext context) {
    const YamlStyle style = style_of(value, context);
    const Folding folding{fold_ && context == YamlContext::block, indent,
                          style == YamlStyle::single_quoted};
    switch (style) {
      case YamlStyle::plain:
        runs(value, folding);
        break;
      case YamlStyle::single_quoted:
        text += '\'';
        runs(value, folding);
        text += '\'';
        break;
      case YamlStyle::double_quoted:
        double_quoted(value, folding);
    }
  }

  /// Whether long lines are broken, the indentation of the next line, and whether ' is doubled.
  struct Folding {
    bool allowed;
    std::size_t indent;
    bool quoted;
  };

  /// Number of characters on the current line.
  std::size_t column() const {
    std::size_t count = 0;
    const auto characters = yaml_characters(std::string_view(text).substr(line_start()));
    for (const std::string_view character : characters)
      count = is_yaml_break(character) ? 0 : count + 1;
    return count;
  }
  std::size_t line_start() const {
    const std::size_t feed = text.rfind('\n');
    return feed == std::string::npos ? 0 : feed + 1;
  }

  void new_line(std::size_t indent) {
    text += '\n';
    pad(indent);
  }

  /// The text of a plain or single-quoted scalar. A single space may become a line break; a line
  /// break is written twice, because a single one reads as a space.
  void runs(std::string_view value, const Folding& folding) {
    const auto characters = yaml_characters(value);
    for (std::size_t i = 0; i < characters.size();) {
      std::size_t end = i;
      if (characters[i] == " ") {
        while (end < characters.size() && characters[end] == " ") ++end;
        const bool inside = i > 0 && end < characters.size();
        if (folding.allowed && inside && end == i + 1 && column() > kWidth)
          new_line(folding.indent);
        else
          text.append(end - i, ' ');
      } else if (is_yaml_break(characters[i])) {
        if (characters[i] == "\n") text += '\n';
        for (; end < characters.size() && is_yaml_break(characters[end]); ++end)
          text += characters[end];
        pad(folding.indent);
      } else {
        text += characters[end++];
        if (folding.quoted && characters[i] == "'") text += '\'';
      }
      i = end;
    }
  }

  /// Breaks a long line before a space, and before or after an escape.
  void double_quoted(std::string_view value, const Folding& folding) {
    const auto characters = yaml_characters(value);
    const auto break_before = [&](std::string_view character) {
      text += '\\';
      new_line(folding.indent);
      if (character == " ") text += '\\';
    };
    text += '"';
    bool after_escape = false, just_broken = false;
    for (std::size_t i = 0; i < characters.size(); ++i) {
      const bool may_break = folding.allowed && i > 0 && i + 1 < characters.size();
      const std::string written = double_quoted_character(characters[i]);
      const bool escaped = written != characters[i];
      const bool here = !escaped && (after_escape || characters[i] == " ");
      // PyYAML breaks twice where the indentation alone is over the width, and reads back another
      // text.
      if (may_break && here && !just_broken && column() > kWidth) break_before(characters[i]);
      text += written;
      just_broken = may_break && escaped && column() > kWidth + 1;
      if (just_broken) break_before(characters[i + 1]);
      after_escape = escaped;
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
