#include "chitu_core/config/value/json.h"

#include <cmath>

#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

std::string json_string(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (c == '\r') {
      quoted += "\\r";
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += "\\u00";
      quoted += kHex[byte >> 4];
      quoted += kHex[byte & 15];
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

class JsonWriter {
 public:
  explicit JsonWriter(int indent) : indent_(indent) {}

  void write(const Node& node) {
    switch (node.kind()) {
      case Kind::null:
      case Kind::boolean:
      case Kind::integer:
        text += scalar_text(node);
        break;
      case Kind::real:
        real(node.as_real());
        break;
      case Kind::list:
        list(node.list());
        break;
      case Kind::map:
        map(node.map());
        break;
      default:
        text += json_string(node.text());
    }
  }

  std::string text;

 private:
  void real(double value) {
    if (std::isfinite(value))
      text += python_float(value);
    else
      text += "{\"$float\": \"" + python_float(value) + "\"}";
  }

  void list(const List& items) {
    text += '[';
    ++depth_;
    for (const Node& item : items) {
      separate(&item == items.data());
      write(item);
    }
    close(']', items.empty());
  }

  void map(const Map& entries) {
    text += '{';
    ++depth_;
    for (const Entry& entry : entries) {
      separate(&entry == entries.begin());
      text += json_string(entry.key.text) + ": ";
      write(entry.value);
    }
    close('}', entries.empty());
  }

  void separate(bool first) {
    if (!first) text += indent_ > 0 ? "," : ", ";
    new_line();
  }

  void close(char bracket, bool empty) {
    --depth_;
    if (!empty) new_line();
    text += bracket;
  }

  void new_line() {
    if (indent_ > 0) text += '\n' + std::string(static_cast<std::size_t>(indent_ * depth_), ' ');
  }

  int indent_;
  int depth_ = 0;
};

}  // namespace

std::string to_json(const Node& node, int indent) {
  JsonWriter writer(indent);
  writer.write(node);
  return std::move(writer.text);
}

}  // namespace chitu::config
