#include <algorithm>

#include "chitu_core/common/utf8.h"
#include "chitu_core/config/override/override.h"
#include "chitu_core/config/override/override_functions.h"
#include "chitu_core/config/value/characters.h"
#include "chitu_core/config/value/cursor.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"
#include "chitu_core/config/value/text.h"
#include "chitu_core/config/value/tokens.h"

namespace chitu::config {
namespace {

constexpr std::size_t kMostInAdvice = 200;  // bytes of an override that an error repeats

bool is_key_character(char c) { return is_letter(c) || c == '_' || c == '$'; }

/// Recursive descent over one override. Never moves back, so time is linear.
class OverrideParser : private Cursor {
 public:
  explicit OverrideParser(std::string_view text) : Cursor(text) {}

  Override parse() {
    Override result;
    result.text = std::string(text_);
    if (take('~'))
      result.type = OverrideType::remove;
    else if (take('+'))
      result.type = take('+') ? OverrideType::force_add : OverrideType::add;
    key(result);
    if (done() && result.type == OverrideType::remove) return result;
    if (!take('=')) fail_in_key();
    skip_blanks();
    value_at_ = at_;
    result.value_type = ValueType::element;
    if (done())
      result.value = Node::literal("");
    else
      value(result);
    result.origin = {std::make_shared<const std::string>(result.text), 0,
                     static_cast<int>(value_at_) + 1, Origin::Kind::override_text};
    return result;
  }

 private:
  std::string found() const {
    return done() ? "the end"
                  : "'" + std::string(text_.substr(at_, character_size(text_, at_))) + "'";
  }

  /// Suggests key='value', which takes any text.
  std::string quote_advice() const {
    if (value_at_ == 0 || text_.size() > kMostInAdvice) return "";
    if (value_at_ < text_.size() && (text_[value_at_] == '[' || text_[value_at_] == '{'))
      return "a text with such characters is quoted inside the list or mapping, as in ['a b~']";
    return "to give the text as it is, quote it: " + std::string(text_.substr(0, value_at_)) +
           quoted_text(text_.substr(value_at_), '\'');
  }
  [[noreturn]] void fail_in_value(const std::string& expected) const {
    fail("expected " + expected + ", got " + found(), quote_advice());
  }

  [[noreturn]] void fail_in_key() const {
    if (done())
      fail("expected = and a value", "an override is key=value, +key=value, ++key=value or ~key");
    if (is_blank(peek())) fail("no blank is allowed before =");
    if (peek() == ':') fail("group@old:new is no longer supported, write group@package=option");
    fail("expected = after the key, got " + found());
  }

  // ---- keys

  std::size_t special_size(std::size_t at) const {
    if (at >= text_.size() || !is_key_character(text_[at])) return 0;
    std::size_t end = at + 1;
    while (end < text_.size() &&
           (is_key_character(text_[end]) || text_[end] == '-' || is_digit(text_[end])))
      ++end;
    return end - at;
  }
  std::size_t part_size(std::size_t at) const {
    return std::max(special_size(at), unsigned_size(text_.substr(at)));
  }

  /// A dotted path, or a single key; may be empty.
  std::string package() {
    const std::size_t from = at_;
    const std::size_t first = part_size(at_);
    if (first == 0) return "";
    at_ += first;
    bool dotted = false;
    while (peek() == '.') {
      const std::size_t next = part_size(at_ + 1);
      if (next == 0) fail_at(at_ + 1, "expected a key after the dot");
      at_ += 1 + next;
      dotted = true;
    }
    if (!dotted && special_size(from) == 0) fail_at(from, "a key begins with a letter, _ or $");
    return std::string(text_.substr(from, at_ - from));
  }

  void key(Override& result) {
    const std::size_t from = at_;
    result.key = package();
    if (peek() == '/') {
      if (identifier_size(result.key) != result.key.size() || result.key.empty())
        fail_at(from, "a group is names between slashes, such as db/engine");
      while (take('/')) {
        const std::size_t size = identifier_size(rest());
        if (size == 0) fail("expected a group after the slash");
        at_ += size;
      }
      result.key = std::string(text_.substr(from, at_ - from));
    }
    if (take('@')) result.package = package();
  }

  // ---- values

  void value(Override& result) {
    std::vector<Element> elements;
    do elements.push_back(element());
    while (take_with_blanks(','));
    skip_blanks();
    if (!done()) fail_in_value(elements.size() > 1 ? "a comma or the end" : "the end");
    if (elements.size() == 1) {
      if (Sweep* sweep = std::get_if<Sweep>(&elements[0])) {
        result.value_type = sweep->type;
        result.sweep = std::move(*sweep);
      } else {
        result.value = std::get<Node>(std::move(elements[0]));
      }
      return;
    }
    result.value_type = result.sweep.type = ValueType::simple_choice;
    for (Element& choice : elements) {
      if (std::holds_alternative<Sweep>(choice))
        fail_at(value_at_, "a sweep cannot be one of the choices of a sweep");
      result.sweep.choices.push_back(std::get<Node>(std::move(choice)));
    }
  }

  Element element() {
    const Level level(*this);
    const char c = peek();
    if (c == '\'' || c == '"') return quoted();
    if (c == '[') return list();
    if (c == '{') return map();
    const std::size_t name = identifier_size(rest());
    return name > 0 && follows(at_ + name, '(') ? function(name) : primitive(false);
  }

  Node plain_element(const char* where) {
    const std::size_t from = at_;
    Element made = element();
    if (std::holds_alternative<Sweep>(made))
      fail_at(from, std::string("a sweep cannot be inside a ") + where);
    return std::get<Node>(std::move(made));
  }

  Node quoted() {
    const std::size_t from = at_;
    const char quote = text_[at_++];
    std::string text;
    std::size_t backslashes = 0;
    for (; !done(); ++at_) {
      const char c = peek();
      if (c == '\\') {
        ++backslashes;
        text += c;
        continue;
      }
      if (c == quote) {
        // Backslashes before a quote are halved; an odd number escapes the quote.
        text.resize(text.size() - (backslashes + 1) / 2);
        if (backslashes % 2 == 0) {
          ++at_;
          Node node = Node::literal(std::move(text));
          node.set_quote(quote);
          return node;
        }
      }
      backslashes = 0;
      text += c;
    }
    fail_at(from, std::string("the quote ") + quote + " is not closed");
  }

  Node list() {
    ++at_;
    skip_blanks();
    List items;
    if (!take_after_blanks(']')) {
      do items.push_back(plain_element("list"));
      while (take_with_blanks(','));
      if (!take_after_blanks(']')) fail_in_value(", or ]");
    }
    return Node(std::move(items));
  }

  Node map() {
    ++at_;
    skip_blanks();
    Map entries;
    if (!take_after_blanks('}')) {
      do {
        const Node key = primitive(true);
        if (!take_with_blanks(':')) fail_in_value(": after the key");
        entries.set(key_of(key), plain_element("map"));
      } while (take_with_blanks(','));
      if (!take_after_blanks('}')) fail_in_value(", or }");
    }
    return Node(std::move(entries));
  }

  Element function(std::size_t name_size) {
    const std::size_t from = at_;
    FunctionCall call;
    call.name = std::string(rest().substr(0, name_size));
    at_ += name_size;
    take_with_blanks('(');
    if (!take_after_blanks(')')) {
      do argument(call);
      while (take_with_blanks(','));
      if (!take_after_blanks(')')) fail_in_value(", or )");
    }
    try {
      return call_function(std::move(call));
    } catch (const ConfigError& error) {
      fail_at(from, error.what());
    }
  }

  void argument(FunctionCall& call) {
    const std::size_t name = identifier_size(rest());
    if (name > 0 && follows(at_ + name, '=')) {
      std::string key(rest().substr(0, name));
      at_ += name;
      take_with_blanks('=');
      call.named.emplace_back(std::move(key), element());
      return;
    }
    if (!call.named.empty()) fail("an argument without a name cannot follow a named one");
    call.positional.push_back(element());
  }

  /// A sequence of words. A single one keeps its type, several are a string. A key of a map may
  /// contain no colon and no interpolation.
  Node primitive(bool as_key) {
    skip_blanks();
    Words words;
    while (!done() && !is_end_of_words(as_key)) {
      if (peek_after_blanks() == ':') {
        const std::size_t from = at_;
        take_with_blanks(':');
        words.add_text(text_.substr(from, at_ - from));
      } else if (!as_key && peek() == '$' && interpolation_size() > 0) {
        const std::string_view interpolation = text_.substr(at_, interpolation_size());
        words.add_text(interpolation);
        at_ += interpolation.size();
      } else if (!take_word(words)) {
        break;
      }
    }
    if (words.count == 0) fail_in_value(as_key ? "a key" : "a value");
    if (words.count == 1 && !words.problem.empty()) fail(words.problem);
    return words.count == 1 ? words.last : Node::literal(std::move(words.text));
  }

  struct Words {
    std::string text;
    Node last;
    std::size_t count = 0;
    std::string problem;  ///< no error when more words follow

    void add(Node value, std::string_view as_written) {
      last = std::move(value);
      text += as_written;
      ++count;
    }
    void add_text(std::string_view written) { add(Node::literal(std::string(written)), written); }
  };

  bool is_end_of_words(bool as_key) const {
    const char next = peek_after_blanks();
    if (next == ':') return as_key;
    return is_blank(peek()) &&
           (next == '\0' || std::string_view(",)]}=(").find(next) != std::string_view::npos);
  }

  /// Appends the next word. Returns false if there is none.
  bool take_word(Words& words) {
    const WordToken word = next_word(rest(), true);
    if (word.word == Word::none) return false;
    const std::string_view written = rest().substr(0, word.size);
    Node value = Node::literal(std::string(written));
    try {
      value = word_value(word.word, written);
    } catch (const ConfigError& error) {
      words.problem = error.what();
    }
    words.add(std::move(value),
              word.word == Word::escape ? unescaped(written) : std::string(written));
    at_ += word.size;
    return true;
  }

  /// `${...}` up to the first closing brace; 0 when there is none.
  std::size_t interpolation_size() const {
    if (!rest().starts_with("${") || no_more_braces_) return 0;
    const std::size_t end = text_.find('}', at_ + 2);
    if (end == std::string_view::npos) {
      no_more_braces_ = true;
      return 0;
    }
    return end == at_ + 2 ? 0 : end + 1 - at_;
  }

  std::size_t value_at_ = 0;
  mutable bool no_more_braces_ = false;
};

}  // namespace

Override parse_override(std::string_view text) {
  if (text.size() > kMaxTextBytes) throw ConfigError("an override is longer than 16 MiB");
  if (const auto bad = first_bad_byte(text))
    throw ConfigError(excerpt(text, *bad) + ": not valid UTF-8 at byte " +
                      std::to_string(*bad + 1));
  return OverrideParser(text).parse();
}

}  // namespace chitu::config
