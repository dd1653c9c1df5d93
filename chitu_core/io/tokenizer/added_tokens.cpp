#include "chitu_core/io/tokenizer/added_tokens.h"

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#include <algorithm>
#include <utility>

#include "chitu_core/io/utf8.h"

namespace chitu::io {
namespace {

/// A letter, mark, digit, connector or joiner, as \w in the reference's regular expressions.
bool is_word(UChar32 c) {
  return u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || u_isdigit(c) || c == 0x200c || c == 0x200d ||
         (U_GET_GC_MASK(c) & (U_GC_M_MASK | U_GC_PC_MASK)) != 0;
}

UChar32 character_before(std::string_view text) {
  UChar32 character = U_SENTINEL;
  auto position = static_cast<std::int32_t>(text.size());
  if (position > 0) U8_PREV(text.data(), 0, position, character);
  return character;
}

UChar32 character_after(std::string_view text) {
  std::size_t position = 0;
  return text.empty() ? U_SENTINEL : static_cast<UChar32>(next_character(text, position));
}

bool touches_word(std::string_view before, std::string_view after) {
  const UChar32 left = character_before(before), right = character_after(after);
  return (left >= 0 && is_word(left)) || (right >= 0 && is_word(right));
}

std::size_t trailing_space(std::string_view text) {
  std::size_t bytes = 0;
  while (true) {
    const UChar32 last = character_before(text.substr(0, text.size() - bytes));
    if (last < 0 || !u_isUWhiteSpace(last)) return bytes;
    bytes += static_cast<std::size_t>(U8_LENGTH(last));
  }
}

std::size_t leading_space(std::string_view text) {
  std::size_t bytes = 0;
  while (true) {
    const UChar32 first = character_after(text.substr(bytes));
    if (first < 0 || !u_isUWhiteSpace(first)) return bytes;
    bytes += static_cast<std::size_t>(U8_LENGTH(first));
  }
}

}  // namespace

AddedToken AddedToken::read(const JsonObject& entry) {
  AddedToken token;
  token.content = entry.required<std::string>("content");
  token.id = entry.required<std::int64_t>("id");
  if (token.id < 0) entry.fail("id", "expected 0 or more");
  token.special = entry.value_or("special", false);
  token.normalized = entry.value_or("normalized", !token.special);
  token.single_word = entry.value_or("single_word", false);
  token.lstrip = entry.value_or("lstrip", false);
  token.rstrip = entry.value_or("rstrip", false);
  return token;
}

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  for (std::size_t i = 0; i < tokens_.size(); ++i)
    if (!tokens_[i].content.empty())
      by_first_byte_[static_cast<unsigned char>(tokens_[i].content[0])].push_back(i);
  for (auto& places : by_first_byte_)
    std::stable_sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
      return tokens_[a].content.size() > tokens_[b].content.size();
    });
}

const AddedToken* AddedTokenMatcher::match_at(std::string_view text, std::size_t position) const {
  for (const std::size_t place : by_first_byte_[static_cast<unsigned char>(text[position])])
    if (text.substr(position).starts_with(tokens_[place].content)) return &tokens_[place];
  return nullptr;
}

void AddedTokenMatcher::split(std::string_view text,
                              const std::function<void(std::string_view)>& text_part,
                              const std::function<void(std::int64_t)>& token) const {
  std::size_t done = 0;
  for (std::size_t at = 0; at < text.size();) {
    const AddedToken* found = match_at(text, at);
    if (found == nullptr) {
      ++at;
      continue;
    }
    std::size_t start = at;
    std::size_t stop = at + found->content.size();
    at = stop;  // as in the reference, a rejected match still consumes its bytes
    if (found->single_word && touches_word(text.substr(0, start), text.substr(stop))) continue;
    if (found->lstrip) start = std::max(start - trailing_space(text.substr(0, start)), done);
    if (found->rstrip) stop += leading_space(text.substr(stop));
    if (done < start) text_part(text.substr(done, start - done));
    token(found->id);
    done = stop;
  }
  if (done < text.size()) text_part(text.substr(done));
}

}  // namespace chitu::io
