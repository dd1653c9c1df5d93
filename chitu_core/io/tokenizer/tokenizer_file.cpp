#include "chitu_core/io/tokenizer/tokenizer_file.h"

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/lfs_pointer.h"
#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

/// The text is not as expected; the caller parses it again with the general parser for the error.
struct Unexpected {};

/// Reads JSON text without building a tree. Assumes valid JSON where that is safe.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  std::size_t position() const { return position_; }

  char peek() {
    while (position_ < text_.size() && is_space(text_[position_])) ++position_;
    if (position_ == text_.size()) throw Unexpected();
    return text_[position_];
  }
  bool accept(char expected) {
    if (peek() != expected) return false;
    ++position_;
    return true;
  }
  void expect(char expected) {
    if (!accept(expected)) throw Unexpected();
  }

  /// The string at this position; stored in `buffer` if it has escapes.
  std::string_view string(std::string& buffer) {
    if (peek() != '"') throw Unexpected();
    const std::size_t start = position_;
    const bool escaped = skip_string();
    const std::string_view quoted = text_.substr(start, position_ - start);
    if (!escaped) return quoted.substr(1, quoted.size() - 2);
    buffer = nlohmann::json::parse(quoted.begin(), quoted.end()).get<std::string>();
    return buffer;
  }

  double number() {
    const char first = peek();
    double value = 0;
    const char* end = text_.data() + text_.size();
    const auto [stop, error] = std::from_chars(text_.data() + position_, end, value);
    if ((first != '-' && (first < '0' || first > '9')) || error != std::errc() ||
        !std::isfinite(value))
      throw Unexpected();
    position_ = static_cast<std::size_t>(stop - text_.data());
    return value;
  }

  void skip_value() {
    std::size_t depth = 0;
    do {
      const char next = peek();
      if (next == '"') {
        skip_string();
        continue;
      }
      if (next == '{' || next == '[') ++depth;
      if (next == '}' || next == ']') {
        if (depth == 0) throw Unexpected();
        --depth;
      }
      const bool punctuation = std::string_view("{}[],:").find(next) != std::string_view::npos;
      if (punctuation)
        ++position_;
      else
        skip_word();
    } while (depth > 0);
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

  void skip_word() {
    position_ = std::min(text_.find_first_of(" \n\t\r,:]}[{\"", position_), text_.size());
  }

  /// Returns whether the string has escapes.
  bool skip_string() {
    bool escaped = false;
    std::size_t at = position_ + 1;
    while (true) {
      at = text_.find_first_of("\"\\", at);
      if (at == std::string_view::npos) throw Unexpected();
      if (text_[at] == '"') break;
      escaped = true;
      at += 2;
    }
    position_ = at + 1;
    return escaped;
  }

  std::string_view text_;
  std::size_t position_ = 0;
};

/// Moves to the value of `key` in the object at this position, or past the object.
bool enter(Cursor& cursor, std::string_view key) {
  std::string buffer;
  cursor.expect('{');
  if (cursor.accept('}')) return false;
  while (true) {
    const bool found = cursor.string(buffer) == key;
    cursor.expect(':');
    if (found) return true;
    cursor.skip_value();
    if (cursor.accept('}')) return false;
    cursor.expect(',');
  }
}

/// Reads the list of [piece, score] at this position.
UnigramVocab read_vocab(Cursor& cursor) {
  UnigramVocab vocab;
  std::string buffer;
  cursor.expect('[');
  if (cursor.accept(']')) return vocab;
  do {
    cursor.expect('[');
    const std::string_view piece = cursor.string(buffer);
    cursor.expect(',');
    vocab.add(piece, cursor.number());
    cursor.expect(']');
  } while (cursor.accept(','));
  cursor.expect(']');
  return vocab;
}

std::optional<TokenizerFile> read(const std::string& text, const std::string& name) {
  TokenizerFile file;
  Cursor cursor(text);
  if (!enter(cursor, "model") || cursor.peek() != '{' || !enter(cursor, "vocab") ||
      cursor.peek() != '[')
    return std::nullopt;
  const std::size_t start = cursor.position();
  file.vocab = read_vocab(cursor);
  file.json = parse_json(text.substr(0, start) + "null" + text.substr(cursor.position()), name);
  return file;
}

}  // namespace

TokenizerFile read_tokenizer_file(const std::filesystem::path& path) {
  const std::string text = read_fetched_file(path);
  const std::string name = path.string();
  if (text.size() > std::numeric_limits<std::uint32_t>::max())
    throw InputError(name + ": larger than 4 GiB");
  require_utf8(text, name);
  try {
    if (auto file = read(text, name)) return std::move(*file);
  } catch (const Unexpected&) {
  } catch (const nlohmann::json::exception&) {
  } catch (const InputError&) {
  }
  // Another kind of model, or an error that the general parser locates exactly.
  TokenizerFile file{parse_json(text, name), {}};
  if (file.json.is_object() && file.json.contains("model") && file.json["model"].is_object() &&
      file.json["model"].contains("vocab") && file.json["model"]["vocab"].is_array())
    throw InputError(name + ": model.vocab: expected a list of [piece, score]");
  return file;
}

}  // namespace chitu::io
