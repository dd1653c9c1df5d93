#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chitu::config {

/// A position in a text that a recursive-descent parser reads once, from left to right. Base of the
/// parsers of interpolations and of overrides; the text must outlive it.
class Cursor {
 protected:
  /// what    begins every error: "bad interpolation "
  explicit Cursor(std::string_view text, std::string_view what = {}) : text_(text), what_(what) {}
  ~Cursor() = default;

  /// One level of nesting while it lives. Throws ConfigError above kMaxDepth levels.
  class Level {
   public:
    explicit Level(Cursor& cursor);
    ~Level() { --cursor_.depth_; }
    Level(const Level&) = delete;

   private:
    Cursor& cursor_;
  };

  bool done() const { return at_ >= text_.size(); }
  /// The character here; '\0' at the end.
  char peek() const { return done() ? '\0' : text_[at_]; }
  std::string_view rest() const { return text_.substr(at_); }

  /// Index of the first character at or after `at` that is no blank; the size of the text when
  /// there is none.
  std::size_t skip_blanks_from(std::size_t at) const;
  /// Whether `c` is at or after `at`, with only blanks between.
  bool follows(std::size_t at, char c) const;
  /// The first character from here that is no blank; '\0' at the end.
  char peek_after_blanks() const;

  void skip_blanks() { at_ = skip_blanks_from(at_); }
  /// Moves past `c` when it is the character here.
  bool take(char c);
  /// As take, also past the blanks before `c`. Moves nowhere when another character follows them.
  bool take_after_blanks(char c);
  /// As take_after_blanks, also past the blanks behind `c`.
  bool take_with_blanks(char c);

  /// Throws ConfigError "<what><excerpt>: <problem> at column <n>; <advice>".
  [[noreturn]] void fail_at(std::size_t at, const std::string& problem,
                            const std::string& advice = "") const;
  [[noreturn]] void fail(const std::string& problem, const std::string& advice = "") const {
    fail_at(at_, problem, advice);
  }

  std::string_view text_;
  std::size_t at_ = 0;

 private:
  std::string_view what_;
  std::size_t depth_ = 0;
};

}  // namespace chitu::config
