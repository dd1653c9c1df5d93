#pragma once

#include <string>
#include <string_view>

#include "chitu_core/config/yaml_token.h"

namespace chitu::config {

/// Walks over a UTF-8 text character by character and keeps count of lines and columns.
class YamlReader {
 public:
  /// `name` is what errors call the text. Throws ConfigError when it is not UTF-8 or holds
  /// characters that YAML does not print.
  YamlReader(std::string_view text, std::string name);

  bool done() const { return at_ >= text_.size(); }
  /// The byte `ahead` bytes on; '\0' at the end, which no text holds.
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool at(std::string_view token) const { return text_.substr(at_).starts_with(token); }
  /// Bytes of the line break `ahead` bytes on; 0 when there is none.
  std::size_t break_size(std::size_t ahead = 0) const;
  bool at_break(std::size_t ahead = 0) const { return break_size(ahead) > 0; }
  /// A line break, a blank or the end.
  bool at_space(std::size_t ahead = 0) const;
  /// A line break or the end.
  bool at_line_end(std::size_t ahead = 0) const { return peek(ahead) == '\0' || at_break(ahead); }

  void forward(std::size_t bytes = 1);
  /// Takes `bytes` bytes as text.
  std::string take(std::size_t bytes);
  /// Takes a line break; gives "\n", or the Unicode separator as it is.
  std::string take_break();
  /// Bytes of the character here.
  std::size_t character_size() const;

  YamlMark mark() const { return mark_; }
  int line() const { return mark_.line; }
  int column() const { return mark_.column; }
  std::size_t index() const { return index_; }

  [[noreturn]] void fail(const std::string& problem) const { fail(problem, mark_); }
  [[noreturn]] void fail(const std::string& problem, const YamlMark& mark) const;

 private:
  YamlMark mark_of(std::size_t byte) const;  ///< of a place in the text
  void check_characters() const;

  std::string_view text_;
  std::string name_;
  std::size_t at_ = 0;
  std::size_t index_ = 0;  // in characters
  YamlMark mark_;
};

}  // namespace chitu::config
