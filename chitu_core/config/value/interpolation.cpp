#include "chitu_core/config/value/interpolation.h"

#include <algorithm>

#include "chitu_core/config/value/cursor.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/tokens.h"

namespace chitu::config {
namespace {

constexpr std::string_view kNotInKeys = "\\{}()[]:. \t'\"";

/// Recursive descent without backtracking over one string.
class Parser : private Cursor {
 public:
  explicit Parser(std::string_view text) : Cursor(text, "bad interpolation ") {}

  Expression whole_text() {
    Expression expression = run_of_text('\0');
    return expression;
  }

  Expression whole_element() {
    Expression expression = element();
    if (!done()) fail("expected the end");
    return expression;
  }

 private:
  bool at(std::string_view token) const { return rest().starts_with(token); }

  /// Text up to the end, or up to the closing `quote`, which is not consumed.
  Expression run_of_text(char quote) {
    Expression expression;
    expression.type = Expression::Type::text;
    std::string literal;
    const auto flush = [&] {
      if (literal.empty()) return;
      Expression part;
      part.value = Node::literal(std::move(literal));
      expression.parts.push_back(std::move(part));
      literal.clear();
    };
    while (!done() && (quote == '\0' || peek() != quote)) {
      if (peek() == '\\') {
        literal += backslashes(quote);
      } else if (at("${")) {
        flush();
        expression.parts.push_back(interpolation());
      } else {
        const std::size_t from = at_;
        // A $ without { is text: skip it, then find the next special character.
        ++at_;
        while (!done() && peek() != '\\' && peek() != '$' && (quote == '\0' || peek() != quote))
          ++at_;
        literal.append(text_.substr(from, at_ - from));
      }
    }
    flush();
    return expression;
  }

  /// A run of backslashes. Before `${` and the closing quote they are halved, and an odd number
  /// escapes; elsewhere they are kept.
  std::string backslashes(char quote) {
    const std::size_t from = at_;
    while (peek() == '\\') ++at_;
    const std::size_t count = at_ - from;
    const bool odd = count % 2 == 1;
    if (at("${")) {
      std::string halved(count / 2, '\\');
      if (odd) {
        halved += "${";
        at_ += 2;
      }
      return halved;
    }
    if (quote != '\0' && peek() == quote) {
      std::string halved(count / 2, '\\');
      if (odd) halved += text_[at_++];
      return halved;
    }
    return std::string(count, '\\');
  }

  Expression interpolation() {
    const Level level(*this);
    const std::size_t from = at_;
    at_ += 2;
    skip_blanks();
    Expression expression = reference_or_call();
    expression.source = std::string(text_.substr(from, at_ - from));
    return expression;
  }

  Expression reference_or_call() {
    Expression expression;
    expression.type = Expression::Type::reference;
    while (take('.')) ++expression.dots;
    bool callable = expression.dots == 0;
    // A call without a name, ${:x}, parses: OmegaConf rejects it only when its value is read.
    if (!callable || peek() != ':') key(expression, callable);
    for (;;) {
      if (take_after_blanks('}')) return expression;
      if (follows(at_, ':')) {
        if (!callable)
          fail("the name of a resolver is letters, digits, _ and -, separated by dots");
        take_with_blanks(':');
        expression.type = Expression::Type::call;
        if (!take_after_blanks('}')) {
          expression.arguments = sequence('}');
          if (!take_after_blanks('}')) fail("expected , or }");
        }
        return expression;
      }
      if (take('.')) {
        if (peek() == '[') fail("expected a key");
        key(expression, callable);
      } else if (peek() == '[') {
        key(expression, callable);
      } else if (done()) {
        fail("the interpolation is not closed, expected }");
      } else {
        fail("expected ., [, : or }");
      }
    }
  }

  /// One key of a path. Clears `callable` when it cannot be part of the name of a resolver.
  void key(Expression& expression, bool& callable) {
    const bool bracketed = take('[');
    if (bracketed) callable = false;
    if (at("${")) {
      expression.parts.push_back(interpolation());
    } else {
      const std::size_t end = std::min(text_.find_first_of(kNotInKeys, at_), text_.size());
      if (end == at_) fail("expected a key");
      Expression part;
      const std::string_view name = text_.substr(at_, end - at_);
      if (identifier_size(name) != name.size()) callable = false;
      part.value = Node::literal(std::string(name));
      expression.parts.push_back(std::move(part));
      at_ = end;
    }
    if (bracketed && !take(']')) fail("expected ]");
  }

  /// Elements separated by commas; an empty one is ''.
  std::vector<Expression> sequence(char end) {
    std::vector<Expression> items;
    const auto empty = [&] {
      Expression item;
      item.value = Node::literal("");
      items.push_back(std::move(item));
    };
    bool after_comma = true;
    for (;;) {
      if (follows(at_, end)) {
        if (after_comma && !items.empty()) empty();
        return items;
      }
      if (take_with_blanks(',')) {
        if (after_comma) empty();
        after_comma = true;
        // `[,]` is two empty elements.
        if (follows(at_, end)) {
          empty();
          return items;
        }
        continue;
      }
      if (!after_comma) fail(std::string("expected , or ") + end);
      if (done()) fail(std::string("expected ") + end);
      items.push_back(element());
      after_comma = false;
    }
  }

  Expression element() {
    const Level level(*this);
    if (peek() == '\'' || peek() == '"') return quoted();
    if (peek() == '[') return list();
    if (peek() == '{') return map();
    return primitive(false);
  }

  Expression quoted() {
    const char quote = text_[at_++];
    Expression expression = run_of_text(quote);
    if (!take(quote)) fail(std::string("the quoted text is not closed, expected ") + quote);
    // A quoted value is a string even when it is a single interpolation.
    if (expression.parts.size() == 1 && expression.parts[0].type != Expression::Type::literal) {
      Expression nothing;
      nothing.value = Node::literal("");
      expression.parts.push_back(std::move(nothing));
    }
    return expression;
  }

  Expression list() {
    Expression expression;
    expression.type = Expression::Type::list;
    ++at_;
    skip_blanks();
    expression.arguments = sequence(']');
    if (!take_after_blanks(']')) fail("expected , or ]");
    return expression;
  }

  Expression map() {
    Expression expression;
    expression.type = Expression::Type::map;
    ++at_;
    skip_blanks();
    if (take_after_blanks('}')) return expression;
    for (;;) {
      const Expression key = primitive(true);
      if (!take_with_blanks(':')) fail("expected : after the key");
      Expression value = element();
      add_pair(expression, key, std::move(value));
      if (take_after_blanks('}')) return expression;
      if (!take_with_blanks(',')) fail("expected , or }");
    }
  }

  void add_pair(Expression& map_expression, const Expression& key, Expression value) {
    const Key made = key_of(key.value);
    const auto old = std::find(map_expression.keys.begin(), map_expression.keys.end(), made);
    if (old != map_expression.keys.end()) {
      map_expression.arguments[static_cast<std::size_t>(old - map_expression.keys.begin())] =
          std::move(value);
      return;
    }
    map_expression.keys.push_back(made);
    map_expression.arguments.push_back(std::move(value));
  }

  /// A sequence of words; a single one keeps its type. A key of a map may contain no colon and no
  /// interpolation.
  Expression primitive(bool as_key) {
    std::vector<Expression> parts;
    for (;;) {
      const char c = peek_after_blanks();
      // Blanks before these are not part of the value; blanks at the end of the text are.
      if (c != '\0' && (c == ',' || c == ']' || c == '}' || (c == ':' && as_key))) break;
      if (done()) break;
      if (c == ':') {
        const std::size_t from = at_;
        take_with_blanks(':');
        parts.push_back(literal(Node::literal(std::string(text_.substr(from, at_ - from)))));
        continue;
      }
      if (at("${")) {
        if (as_key) fail("a key must not be an interpolation");
        parts.push_back(interpolation());
        continue;
      }
      const WordToken word = next_word(rest());
      if (word.word == Word::none) fail("unexpected character, quote the value");
      parts.push_back(typed(word));
      at_ += word.size;
    }
    if (parts.empty()) fail("expected a value");
    return joined(std::move(parts));
  }

  static Expression literal(Node value) {
    Expression part;
    part.value = std::move(value);
    return part;
  }

  Expression typed(const WordToken& word) {
    const std::string_view text = text_.substr(at_, word.size);
    Expression part = literal(Node());
    part.source = word.word == Word::escape ? unescaped(text) : std::string(text);
    try {
      part.value = word_value(word.word, text);
    } catch (const ConfigError& error) {
      // Only an error if it is the whole value: joined() reports it then.
      part.value = Node::literal(std::string(text));
      part.keys.push_back({error.what()});
    }
    return part;
  }

  Expression joined(std::vector<Expression> parts) {
    if (parts.size() == 1) {
      if (!parts[0].keys.empty()) fail(parts[0].keys[0].text);
      if (parts[0].type == Expression::Type::literal) parts[0].source.clear();
      return std::move(parts[0]);
    }
    Expression expression;
    expression.type = Expression::Type::text;
    std::string literal_text;
    bool only_text = true;
    for (Expression& part : parts) {
      if (part.type == Expression::Type::literal) {
        // As written: in `1_0 b` the 1_0 is not a number.
        if (!part.source.empty()) part.value = Node::literal(std::move(part.source));
        part.source.clear();
        part.keys.clear();
        literal_text += part.value.text();
      } else {
        only_text = false;
      }
    }
    if (only_text) return literal(Node::literal(std::move(literal_text)));
    expression.parts = std::move(parts);
    return expression;
  }
};

}  // namespace

Expression parse_interpolation(std::string_view text) { return Parser(text).whole_text(); }

Expression parse_element(std::string_view text) { return Parser(text).whole_element(); }

void check_interpolation(std::string_view text) { parse_interpolation(text); }

}  // namespace chitu::config
