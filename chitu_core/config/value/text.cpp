#include "chitu_core/config/value/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "chitu_core/common/utf8.h"
#include "chitu_core/config/value/characters.h"

namespace chitu::config {
namespace {

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\n\r\f\v");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n\r\f\v") - first + 1);
}

// Removes single underscores between digits, as Python does; empty when there are others.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      digits += text[i];
      continue;
    }
    if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1]))
      return std::nullopt;
  }
  return digits;
}

std::string python_quoted(const std::string& text) {
  const char quote =
      text.find('\'') != std::string::npos && text.find('"') == std::string::npos ? '"' : '\'';
  std::string quoted(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\')
      quoted.append({'\\', c});
    else if (c == '\n')
      quoted += "\\n";
    else if (c == '\t')
      quoted += "\\t";
    else
      quoted += c;
  }
  return quoted + quote;
}

std::string python_inner(const Node& node) {
  return node.kind() == Kind::string || node.is_missing() || node.is_interpolation()
             ? python_quoted(node.text())
             : python_text(node);
}

}  // namespace

std::string python_float(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 40> buffer;
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                     std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(written.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  const int exponent = std::atoi(std::string(text.substr(e + 1)).c_str());
  if (exponent < -4 || exponent >= 16) return std::string(text);
  const bool negative = text.front() == '-';
  std::string digits;
  for (const char c : text.substr(0, e))
    if (is_digit(c)) digits += c;
  std::string plain;
  if (exponent < 0) {
    plain = "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  } else {
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() < whole) digits.append(whole - digits.size(), '0');
    plain = digits.substr(0, whole) + "." + (digits.size() > whole ? digits.substr(whole) : "0");
  }
  return negative ? "-" + plain : plain;
}

std::string python_text(const Node& node) {
  switch (node.kind()) {
    case Kind::null:
      return "None";
    case Kind::boolean:
      return node.as_bool() ? "True" : "False";
    case Kind::integer:
      return node.integer_text();
    case Kind::real:
      return python_float(node.as_real());
    case Kind::list: {
      std::string text;
      for (const Node& item : node.list()) text += (text.empty() ? "" : ", ") + python_inner(item);
      return "[" + text + "]";
    }
    case Kind::map: {
      std::string text;
      for (const Entry& entry : node.map()) {
        if (!text.empty()) text += ", ";
        text += entry.key.kind == Kind::string ? python_quoted(entry.key.text) : entry.key.text;
        text += ": " + python_inner(entry.value);
      }
      return "{" + text + "}";
    }
    default:
      return node.text();
  }
}

std::string scalar_text(const Node& scalar) {
  if (scalar.is_null()) return "null";
  if (scalar.kind() == Kind::boolean) return scalar.as_bool() ? "true" : "false";
  return python_text(scalar);
}

std::optional<Node> read_whole_number(std::string_view text) {
  const auto digits = without_underscores(trimmed(text));
  if (!digits || digits->empty()) return std::nullopt;
  std::string_view rest = *digits;
  if (rest.front() == '+') {
    rest.remove_prefix(1);
    if (rest.empty() || !is_digit(rest.front())) return std::nullopt;
  }
  return number_in_base(rest, 10);
}

std::optional<std::int64_t> read_integer(std::string_view text) {
  const auto number = read_whole_number(text);
  return number && number->is_signed() ? std::optional(number->as_integer()) : std::nullopt;
}

std::optional<Node> number_in_base(std::string_view text, int base) {
  const auto read = [&](auto value) -> std::optional<Node> {
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, value, base);
    return error == std::errc() && rest == end ? std::optional(Node(value)) : std::nullopt;
  };
  if (auto number = read(std::int64_t{})) return number;
  return read(std::uint64_t{});
}

std::optional<double> read_real(std::string_view text) {
  const auto plain = without_underscores(trimmed(text));
  if (!plain || plain->empty()) return std::nullopt;
  std::string_view rest = *plain;
  bool negative = false;
  if (rest.front() == '+' || rest.front() == '-') {
    negative = rest.front() == '-';
    rest.remove_prefix(1);
  }
  if (rest.empty()) return std::nullopt;
  const std::string word = lower(rest);
  double value = 0;
  if (word == "inf" || word == "infinity") {
    value = HUGE_VAL;
  } else if (word == "nan") {
    value = std::nan("");
  } else {
    if (!is_digit(rest.front()) && rest.front() != '.') return std::nullopt;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (end != rest.data() + rest.size()) return std::nullopt;
    // from_chars sets no value out of range; strtod rounds to 0 or infinity.
    if (error == std::errc::result_out_of_range)
      value = std::strtod(word.c_str(), nullptr);
    else if (error != std::errc())
      return std::nullopt;
  }
  return negative ? -value : value;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return result;
}

bool is_utf8(std::string_view text) { return !first_bad_byte(text); }

}  // namespace chitu::config
