#include "chitu_core/config/error.h"

#include <algorithm>

namespace chitu::config {
namespace {

std::string placed(const Origin& origin, std::string_view rest) {
  std::string text = to_string(origin);
  if (!text.empty()) text += ": ";
  return text.append(rest);
}

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

// Control characters would move the caret or garble the terminal.
std::string one_line(std::string_view text) {
  std::string shown(text);
  for (char& c : shown)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = ' ';
  return shown;
}

}  // namespace

ConfigError::ConfigError(const Origin& origin, std::string_view problem)
    : InputError(placed(origin, problem)) {}

ConfigError::ConfigError(const Origin& origin, std::string_view key, std::string_view problem)
    : InputError(placed(origin, key.empty() ? std::string(problem)
                                            : std::string(key) + ": " + std::string(problem))) {}

std::string with_caret(std::string_view text, std::size_t offset) {
  constexpr std::size_t kAround = 60;
  offset = std::min(offset, text.size());
  std::size_t first = offset > kAround ? offset - kAround : 0;
  std::size_t last = std::min(text.size(), offset + kAround);
  while (first > 0 && !begins_character(text[first])) --first;
  while (last < text.size() && !begins_character(text[last])) ++last;
  const std::string_view before = text.substr(first, offset - first);
  const auto column = std::count_if(before.begin(), before.end(), begins_character);
  const std::string lead = first > 0 ? "..." : "";
  const std::string tail = last < text.size() ? "..." : "";
  return "  " + lead + one_line(text.substr(first, last - first)) + tail + "\n  " +
         std::string(lead.size() + static_cast<std::size_t>(column), ' ') + "^";
}

}  // namespace chitu::config
