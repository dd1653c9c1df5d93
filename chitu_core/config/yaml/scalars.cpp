#include "chitu_core/config/yaml/scalars.h"

#include <array>
#include <charconv>
#include <cmath>
#include <string>

#include "chitu_core/config/value/characters.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

/// Matches a text step by step; each step returns whether it consumed anything.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  bool done() const { return at_ == text_.size(); }
  bool one(char c) {
    if (done() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool one_of(std::string_view set) {
    if (done() || set.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  bool many(std::string_view set) {
    const std::size_t from = at_;
    while (one_of(set)) {
    }
    return at_ > from;
  }
  /// Digits with single underscores between them.
  bool digits_with_underscores() {
    if (!many(kDigits)) return false;
    for (;;) {
      const std::size_t back = at_;
      if (!one('_')) return true;
      if (!many(kDigits)) {
        at_ = back;
        return true;
      }
    }
  }
  /// A digit, then digits and underscores in any order.
  bool digits_and_underscores() {
    if (!one_of(kDigits)) return false;
    many("0123456789_");
    return true;
  }
  /// `:` and 0 to 59, one or more times.
  bool sixties() {
    bool any = false;
    for (;;) {
      const std::size_t back = at_;
      if (!one(':')) return any;
      const std::size_t first = at_;
      many(kDigits);
      const std::size_t count = at_ - first;
      if (count == 0 || count > 2 || (count == 2 && text_[first] > '5')) {
        at_ = back;
        return any;
      }
      any = true;
    }
  }
  bool exponent(bool needs_sign) {
    if (!one_of("eE")) return false;
    if (!one_of("+-") && needs_sign) return false;
    return many(kDigits);
  }

  static constexpr std::string_view kDigits = "0123456789";

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

bool is_any(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words)
    if (text == word) return true;
  return false;
}

// The forms of an int in YAML 1.1, as in PyYAML.
bool is_integer(std::string_view text) {
  const auto signed_walk = [&](auto rest) {
    Walker walk(text);
    walk.one_of("+-");
    return rest(walk) && walk.done();
  };
  return signed_walk([](Walker& w) { return w.one('0') && w.one('b') && w.many("01_"); }) ||
         signed_walk([](Walker& w) { return w.one('0') && w.many("01234567_"); }) ||
         signed_walk([](Walker& w) {
           if (w.one('0')) return true;
           return w.one_of("123456789") && (w.many("0123456789_") || true);
         }) ||
         signed_walk([](Walker& w) {
           return w.one('0') && w.one('x') && w.many("0123456789abcdefABCDEF_");
         }) ||
         signed_walk([](Walker& w) {
           return w.one_of("123456789") && (w.many("0123456789_") || true) && w.sixties();
         });
}

// The forms of a float: those of PyYAML, with underscores anywhere, and those of OmegaConf, with an
// exponent that needs no sign and no point.
bool is_real(std::string_view text) {
  const auto walk_all = [&](auto rest) {
    Walker walk(text);
    return rest(walk) && walk.done();
  };
  return walk_all([](Walker& w) {  // 1.  1.5  1_0.5e3
           w.one_of("+-");
           if (!w.digits_with_underscores() || !w.one('.')) return false;
           w.many("0123456789_");
           return w.done() || w.exponent(false);
         }) ||
         walk_all([](Walker& w) {  // 4_.6  1__0.5e+3
           w.one_of("+-");
           if (!w.digits_and_underscores() || !w.one('.')) return false;
           w.many("0123456789_");
           return w.done() || w.exponent(true);
         }) ||
         walk_all([](Walker& w) {  // 1e3
           w.one_of("+-");
           return w.digits_with_underscores() && w.exponent(false);
         }) ||
         walk_all([](Walker& w) {  // .5  .5e+3
           if (!w.one('.') || !w.digits_and_underscores()) return false;
           return w.done() || w.exponent(true);
         }) ||
         walk_all([](Walker& w) {  // 1:30.5
           w.one_of("+-");
           if (!w.digits_and_underscores() || !w.sixties() || !w.one('.')) return false;
           w.many("0123456789_");
           return true;
         }) ||
         walk_all([&](Walker& w) {
           w.one_of("+-");
           return is_any(text.substr(text.find_first_not_of("+-") == 1 ? 1 : 0),
                         {".inf", ".Inf", ".INF"}) &&
                  w.many(".infINF");
         }) ||
         is_any(text, {".nan", ".NaN", ".NAN"});
}

std::string without_underscores(std::string_view text) {
  std::string plain;
  for (const char c : text)
    if (c != '_') plain += c;
  return plain;
}

std::optional<Node> in_base(std::string_view digits, int base, bool negative) {
  return number_in_base((negative ? "-" : "") + std::string(digits), base);
}

bool take_sign(std::string& text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.erase(0, 1);
  return negative;
}

std::optional<Node> sexagesimal_integer(std::string_view text, bool negative) {
  std::int64_t value = 0;
  while (true) {
    const std::size_t colon = text.find(':');
    const auto part = read_integer(text.substr(0, colon));
    if (!part || __builtin_mul_overflow(value, std::int64_t{60}, &value) ||
        __builtin_add_overflow(value, *part, &value))
      return std::nullopt;
    if (colon == std::string_view::npos) return Node(negative ? -value : value);
    text.remove_prefix(colon + 1);
  }
}

std::optional<Node> integer_value(std::string_view written) {
  std::string text = without_underscores(written);
  const bool negative = take_sign(text);
  if (text == "0") return Node(0);
  if (text.starts_with("0b")) return in_base(std::string_view(text).substr(2), 2, negative);
  if (text.starts_with("0x")) return in_base(std::string_view(text).substr(2), 16, negative);
  if (text.starts_with('0')) return in_base(text, 8, negative);
  if (text.find(':') != std::string::npos) return sexagesimal_integer(text, negative);
  return in_base(text, 10, negative);
}

std::optional<double> real_value(std::string_view written) {
  std::string text = lower(without_underscores(written));
  const bool negative = take_sign(text);
  const double sign = negative ? -1 : 1;
  if (text == ".inf") return sign * HUGE_VAL;
  if (text == ".nan") return std::nan("");
  double value = 0;
  std::string_view rest = text;
  for (std::size_t colon = rest.find(':'); colon != std::string_view::npos;
       colon = rest.find(':')) {
    const auto part = read_real(rest.substr(0, colon));
    if (!part) return std::nullopt;
    value = (value + *part) * 60;
    rest.remove_prefix(colon + 1);
  }
  const auto last = read_real(rest);
  if (!last) return std::nullopt;
  return sign * (value + *last);
}

std::optional<bool> bool_value(std::string_view text) {
  if (is_any(text, {"yes", "true", "on"})) return true;
  if (is_any(text, {"no", "false", "off"})) return false;
  return std::nullopt;
}

std::optional<bool> plain_bool(std::string_view text) {
  if (text.size() < 2 || text.size() > 5) return std::nullopt;
  const std::string small = lower(text);
  const auto value = bool_value(small);
  if (!value) return std::nullopt;
  std::string capital = small, upper = small;
  capital[0] = static_cast<char>(capital[0] - 'a' + 'A');
  for (char& c : upper) c = static_cast<char>(c - 'a' + 'A');
  if (text == small || text == capital || text == upper) return value;
  return std::nullopt;
}

}  // namespace

bool is_typed_scalar(std::string_view text) {
  try {
    const Kind kind = read_plain_scalar(text).kind();
    return kind != Kind::string && kind != Kind::interpolation && kind != Kind::missing;
  } catch (const ConfigError&) {
    return true;  // a number that does not fit
  }
}

Node read_plain_scalar(std::string_view text) {
  if (is_any(text, {"", "~", "null", "Null", "NULL"})) return Node();
  const char first = text.front();
  if (first == '+' || first == '-' || first == '.' || is_digit(first)) {
    // In the order of PyYAML; no text is both.
    if (is_real(text)) {
      if (const auto value = real_value(text)) return Node(*value);
    } else if (is_integer(text)) {
      if (const auto value = integer_value(text)) return *value;
      throw ConfigError("the number " + std::string(text) +
                        " does not fit 64 bits, expected -2^63 to 2^64 - 1 or a quoted text");
    }
  } else if (const auto flag = plain_bool(text)) {
    return Node(*flag);
  }
  return Node(text);
}

Node read_tagged_scalar(std::string_view type, std::string_view text) {
  if (type == "str") return Node(text);
  if (type == "null") return Node();
  if (type == "int") {
    if (const auto value = integer_value(text)) return *value;
  } else if (type == "float") {
    if (const auto value = real_value(text)) return Node(*value);
  } else if (type == "bool") {
    if (const auto value = bool_value(lower(text))) return Node(*value);
  } else {
    throw ConfigError("unknown tag !!" + std::string(type) +
                      ", expected one of !!str, !!int, !!float, !!bool, !!null, !!map, !!seq");
  }
  throw ConfigError("\"" + std::string(text) + "\" is not a valid !!" + std::string(type));
}

}  // namespace chitu::config
