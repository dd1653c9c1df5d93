#include "chitu_core/io/tokenizer/regex_split.h"

#include <unicode/unistr.h>
#include <unicode/utext.h>

#include <string_view>
#include <utility>

#include "chitu_core/common/error.h"

namespace chitu::io {
namespace {

/// ICU's \s lacks some of the white space of Unicode.
std::string with_unicode_spaces(const std::string& expression) {
  std::string spelled;
  for (std::size_t i = 0; i < expression.size(); ++i) {
    if (expression[i] != '\\' || i + 1 == expression.size()) {
      spelled += expression[i];
      continue;
    }
    const char escaped = expression[++i];
    if (escaped == 's')
      spelled += "\\p{White_Space}";
    else if (escaped == 'S')
      spelled += "\\P{White_Space}";
    else
      spelled += {'\\', escaped};
  }
  return spelled;
}

/// Memory for going back in a word; what ICU takes by default is little for long words.
constexpr std::int32_t kMostStackBytes = 1 << 28;

void check(UErrorCode status) {
  if (U_FAILURE(status))
    throw InputError(std::string("the tokenizer's regular expression fails on this text: ") +
                     u_errorName(status));
}

}  // namespace

RegexSplit::RegexSplit(const std::string& expression, const JsonObject& where,
                       const std::string& key) {
  UErrorCode status = U_ZERO_ERROR;
  UParseError place;
  pattern_.reset(icu::RegexPattern::compile(
      icu::UnicodeString::fromUTF8(with_unicode_spaces(expression)), place, status));
  if (U_FAILURE(status))
    where.fail(key, "cannot use \"" + expression + "\": " + u_errorName(status));
}

void RegexSplit::operator()(const std::string& word, std::vector<std::string>& out) const {
  UErrorCode status = U_ZERO_ERROR;
  const std::unique_ptr<UText, decltype(&utext_close)> text(
      utext_openUTF8(nullptr, word.data(), static_cast<std::int64_t>(word.size()), &status),
      &utext_close);
  const std::unique_ptr<icu::RegexMatcher> matcher(pattern_->matcher(status));
  check(status);
  matcher->setStackLimit(kMostStackBytes, status);
  matcher->reset(text.get());
  const auto add = [&](std::size_t start, std::size_t end) {
    if (start < end) out.push_back(word.substr(start, end - start));
  };
  std::size_t done = 0;  // places are bytes of the UTF-8 text
  while (matcher->find(status)) {
    const auto start = static_cast<std::size_t>(matcher->start64(status));
    const auto end = static_cast<std::size_t>(matcher->end64(status));
    add(done, start);
    add(start, end);
    done = end;
  }
  check(status);
  add(done, word.size());
}

}  // namespace chitu::io
