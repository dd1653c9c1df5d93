#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chitu::config {

/// The text of a YAML file, with queries at the positions that yaml-cpp reports. They find what
/// yaml-cpp accepts but YAML 1.1 does not.
class YamlText {
 public:
  /// Converts every line break to "\n" and removes a byte order mark. `name` is for errors.
  ///
  /// throws  ConfigError for invalid UTF-8, characters that YAML does not allow, and directives
  ///         without `---` after them
  YamlText(std::string_view text, std::string name);

  const std::string& text() const { return text_; }

  /// The column of a byte, counted from 1 in characters.
  int column(std::size_t byte) const;
  /// Throws ConfigError "<name>:<line>:<column>: <problem>".
  [[noreturn]] void fail(std::size_t byte, const std::string& problem) const;

  /// The first byte from `byte` on that is not a blank.
  std::size_t skip_blanks(std::size_t byte) const;
  /// Likewise, also skipping line breaks and comments.
  std::size_t skip_space(std::size_t byte) const;
  /// Where the value begins, after any tag and anchor at `byte`.
  std::size_t skip_properties(std::size_t byte) const;
  /// Whether the tag and anchor at `byte` include the tag `!`.
  bool has_bare_tag(std::size_t byte) const;
  /// The byte after the quoted scalar at `byte`. Throws ConfigError when the quote is not closed.
  std::size_t quoted_end(std::size_t byte) const;
  /// The character at `byte`; '\0' at the end.
  char at(std::size_t byte) const { return byte < text_.size() ? text_[byte] : '\0'; }
  /// Whether the value at `byte` is a key because it comes after a `?` of this indentation.
  bool is_after_question_mark(std::size_t byte, std::size_t indent) const;
  /// The first line after `byte` that begins with `%`; npos when there is none.
  std::size_t directive_after(std::size_t byte) const;
  /// The number of line breaks, after folding, that yaml-cpp drops at the end of the quoted scalar
  /// at `byte`: of the breaks that are not escaped it leaves two after an escape, one after another
  /// character, none in a text of breaks alone.
  std::size_t dropped_breaks(std::size_t byte) const;
  /// The number of empty lines at the end of the block scalar with its header (`>+`) at `byte`, in
  /// a block of this indentation (-1: none).
  std::size_t trailing_empty_lines(std::size_t byte, int indent) const;

 private:
  void check_characters() const;
  void check_directives() const;
  std::size_t line_start(std::size_t byte) const;
  std::size_t line_end(std::size_t byte) const;

  std::string text_;
  std::string name_;
};

}  // namespace chitu::config
