#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chitu::config {

/// The text of a YAML file as the parser is given it, and what can be read off it at a place that
/// the parser names: yaml-cpp takes several texts that YAML 1.1 has no meaning for.
class YamlText {
 public:
  /// Every line break becomes "\n", a byte order mark goes. `name` is what errors call the text.
  ///
  /// throws  ConfigError where it is not UTF-8, holds a character that YAML does not print, or has
  ///         directives without the `---` that ends them
  YamlText(std::string_view text, std::string name);

  const std::string& text() const { return text_; }

  /// The column of a byte, counted from 1 in characters.
  int column(std::size_t byte) const;
  /// Throws ConfigError "<name>:<line>:<column>: <problem>".
  [[noreturn]] void fail(std::size_t byte, const std::string& problem) const;

  /// The byte after blanks, from `byte` on.
  std::size_t skip_blanks(std::size_t byte) const;
  /// Likewise after line breaks and comments too.
  std::size_t skip_space(std::size_t byte) const;
  /// Where the value itself begins after the tag and the anchor at `byte`, if any.
  std::size_t skip_properties(std::size_t byte) const;
  /// Whether the properties at `byte` hold the tag `!`.
  bool has_bare_tag(std::size_t byte) const;
  /// The byte after a quoted scalar that begins at `byte`. Throws ConfigError when it has no end.
  std::size_t quoted_end(std::size_t byte) const;
  /// The character at `byte`; '\0' at the end.
  char at(std::size_t byte) const { return byte < text_.size() ? text_[byte] : '\0'; }
  /// Whether the `?` of a block of this indentation makes what begins at `byte` a key.
  bool is_after_question_mark(std::size_t byte, std::size_t indent) const;
  /// The first line after `byte` that begins with `%`; npos where none does.
  std::size_t directive_after(std::size_t byte) const;
  /// Line breaks that the quoted scalar at `byte` ends with, once its lines are folded.
  std::size_t breaks_before_quote(std::size_t byte) const;
  /// Empty lines that end a block scalar whose header (`>+`) begins at `byte`, inside a block of
  /// this indentation (-1: none).
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
