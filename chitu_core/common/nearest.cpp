#include "chitu_core/common/nearest.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/map.hpp>
#include <range/v3/view/take.hpp>

#include "chitu_core/common/utf8.h"

namespace chitu {
namespace {

namespace rv = ranges::views;

using Characters = std::vector<std::string_view>;

Characters characters_of(std::string_view text) {
  Characters characters;
  for (std::size_t at = 0; at < text.size(); at += characters.back().size())
    characters.push_back(text.substr(at, std::max<std::size_t>(1, character_size(text, at))));
  return characters;
}

/// Compares without case.
bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

/// Optimal string alignment distance.
std::size_t edit_distance(const Characters& a, const Characters& b) {
  std::vector<std::size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min(
          {above[j] + 1, row[j - 1] + 1, above[j - 1] + (same(a[i - 1], b[j - 1]) ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

bool joins_words(char c) { return std::string_view("._-/@").find(c) != std::string_view::npos; }

/// Whether `name` is one or several consecutive words of `candidate`: frames of num_frames.
bool is_word_of(std::string_view name, std::string_view candidate) {
  const std::size_t at = candidate.find(name);
  if (name.size() < 3 || at == std::string_view::npos) return false;
  const std::size_t end = at + name.size();
  return (at == 0 || joins_words(candidate[at - 1])) &&
         (end == candidate.size() || joins_words(candidate[end]));
}

/// Removes the common parent of two paths, which would make them look similar.
void drop_common_path(std::string_view& a, std::string_view& b) {
  const auto [end, other] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const std::size_t shared =
      a.substr(0, static_cast<std::size_t>(end - a.begin())).find_last_of("./");
  if (shared == std::string_view::npos) return;
  a.remove_prefix(shared + 1);
  b.remove_prefix(shared + 1);
}

/// The edit distance if `name` is near to `candidate` as nearest() defines it; else empty.
std::optional<std::size_t> slip(std::string_view name, std::string_view candidate) {
  drop_common_path(name, candidate);
  const Characters a = characters_of(name), b = characters_of(candidate);
  const std::size_t distance = edit_distance(a, b);
  const std::size_t allowed = std::max<std::size_t>(1, std::max(a.size(), b.size()) / 3);
  const bool close = distance <= allowed && distance < std::min(a.size(), b.size());
  return close || is_word_of(name, candidate) ? std::optional(distance) : std::nullopt;
}

}  // namespace

std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates,
                                 std::size_t most) {
  std::vector<std::pair<std::size_t, std::string>> near;
  for (const std::string& candidate : candidates)
    if (const auto distance = slip(name, candidate)) near.emplace_back(*distance, candidate);
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& x, const auto& y) { return x.first < y.first; });
  return near | rv::values | rv::take(most) | ranges::to<std::vector>();
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  auto near = nearest(name, candidates);
  std::erase(near, name);  // known, but not allowed here: nothing was misspelt
  return near.empty() ? "" : ", did you mean " + join(near) + "?";
}

std::string join(const std::vector<std::string>& items, std::string_view separator) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += separator;
    text += item;
  }
  return text;
}

std::vector<std::string> first_few(const std::vector<std::string>& items, std::size_t most) {
  if (items.size() <= most) return items;
  std::vector<std::string> few(items.begin(), items.begin() + static_cast<std::ptrdiff_t>(most));
  few.push_back("and " + std::to_string(items.size() - most) + " more");
  return few;
}

}  // namespace chitu
