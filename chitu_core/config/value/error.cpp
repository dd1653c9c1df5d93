#include "chitu_core/config/value/error.h"

#include <algorithm>

#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"

namespace chitu::config {
namespace {

std::string placed(const Origin& origin, std::string_view rest) {
  std::string text = to_string(origin);
  if (!text.empty()) text += ": ";
  return text.append(rest);
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

/// Whether the origin is an override of this key, so that its text shows the key already.
bool shows_key(const Origin& origin, std::string_view key) {
  if (origin.kind != Origin::Kind::override_text) return false;
  std::string_view text = origin.file();
  text.remove_prefix(std::min(text.find_first_not_of("+~"), text.size()));
  return text.starts_with(key) && text.substr(key.size()).starts_with('=');
}

}  // namespace

ConfigError::ConfigError(const Origin& origin, std::string_view problem)
    : InputError(placed(origin, problem)) {}

ConfigError::ConfigError(const Origin& origin, std::string_view key, std::string_view problem)
    : InputError(placed(origin, key.empty() || shows_key(origin, key)
                                    ? std::string(problem)
                                    : std::string(key) + ": " + std::string(problem))) {}

ConfigErrors::ConfigErrors(std::vector<std::string> mistakes)
    : ConfigError(join(mistakes, "\n")), mistakes_(std::move(mistakes)) {}

std::string excerpt(std::string_view text, std::size_t offset) {
  constexpr std::size_t kAround = 60;
  offset = std::min(offset, text.size());
  std::size_t first = offset > kAround ? offset - kAround : 0;
  std::size_t last = std::min(text.size(), offset + kAround);
  while (first > 0 && !begins_character(text[first])) --first;
  while (last < text.size() && !begins_character(text[last])) ++last;
  return (first > 0 ? "..." : "") + one_line(text.substr(first, last - first)) +
         (last < text.size() ? "..." : "");
}

std::string at_column(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto column = std::count_if(before.begin(), before.end(), begins_character) + 1;
  return " at column " + std::to_string(column);
}

}  // namespace chitu::config
