#include "chitu_core/config/value/cursor.h"

#include "chitu_core/config/value/characters.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"

namespace chitu::config {

Cursor::Level::Level(Cursor& cursor) : cursor_(cursor) {
  if (++cursor_.depth_ > kMaxDepth)
    cursor_.fail("nested deeper than " + std::to_string(kMaxDepth) + " levels");
}

std::size_t Cursor::skip_blanks_from(std::size_t at) const {
  while (at < text_.size() && is_blank(text_[at])) ++at;
  return at;
}

bool Cursor::follows(std::size_t at, char c) const {
  at = skip_blanks_from(at);
  return at < text_.size() && text_[at] == c;
}

char Cursor::peek_after_blanks() const {
  const std::size_t at = skip_blanks_from(at_);
  return at < text_.size() ? text_[at] : '\0';
}

bool Cursor::take(char c) {
  if (done() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool Cursor::take_after_blanks(char c) {
  if (!follows(at_, c)) return false;
  at_ = skip_blanks_from(at_) + 1;
  return true;
}

bool Cursor::take_with_blanks(char c) {
  if (!take_after_blanks(c)) return false;
  skip_blanks();
  return true;
}

void Cursor::fail_at(std::size_t at, const std::string& problem, const std::string& advice) const {
  throw ConfigError(std::string(what_) + excerpt(text_, at) + ": " + problem +
                    at_column(text_, at) + (advice.empty() ? "" : "; " + advice));
}

}  // namespace chitu::config
