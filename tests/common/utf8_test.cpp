#include "chitu_core/common/utf8.h"

#include "tests/support/catch.h"

namespace chitu {
namespace {

TEST_CASE("the first byte that is not UTF-8 is found", "[common]") {
  CHECK_FALSE(first_bad_byte("a\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80"));
  CHECK(first_bad_byte("ab\xFF") == 2);
  CHECK(first_bad_byte("a\xC3") == 1);             // cut short
  CHECK(first_bad_byte("\xC0\xAF") == 0);          // overlong
  CHECK(first_bad_byte("\xED\xA0\x80") == 0);      // a surrogate
  CHECK(first_bad_byte("\xF4\x90\x80\x80") == 0);  // beyond U+10FFFF
}

TEST_CASE("a text is never cut inside a character", "[common]") {
  const std::string text = "a\xC3\xA9\xE6\xBC\xA2\xF0\x9F\x98\x80z";
  for (std::size_t most = 0; most <= text.size(); ++most) {
    const std::string cut = shortened(text, most);
    CHECK_FALSE(first_bad_byte(cut));
    CHECK(cut.size() <= most + 3);
  }
  CHECK(shortened(text, text.size()) == text);
  CHECK(shortened("abcdef", 3) == "abc...");
}

TEST_CASE("a message stays on one line, for any quoted text", "[common]") {
  CHECK(one_line("a\nb\tc\r\x1B\x7F") == "a\\nb\\tc\\r\\x1b\\x7f");
  CHECK(one_line("caf\xC3\xA9 \xFF") == "caf\xC3\xA9 \\xff");
  CHECK(one_line("\xC2\x85") == "\\xc2\\x85");  // a line break of Unicode
}

}  // namespace
}  // namespace chitu
