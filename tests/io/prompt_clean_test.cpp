#include "chitu_core/io/prompt_clean.h"

#include "chitu_core/common/error.h"
#include "chitu_core/io/text/fix_text.h"
#include "chitu_core/io/text/html_unescape.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

TEST_CASE("a prompt is cleaned of broken and unusual characters", "[io]") {
  CHECK(prompt_clean("  a\t\tcat \r\n walks  ") == "a cat walks");
  CHECK(prompt_clean("“It’s”\u2028here") == "\"It's\" here");
  CHECK(prompt_clean("ｆｕｌｌ，　ｗｉｄｔｈ") == "full, width");
  CHECK(prompt_clean("ﬂuﬃest e\u0301") == "fluffiest \u00e9");
  CHECK(prompt_clean("\x1b[1;31mred\x1b[0m \ufeff\x07") == "red");
  CHECK(prompt_clean("") == "");
  CHECK(prompt_clean(" \u3000\u00a0 ") == "");
  CHECK_THROWS_AS(prompt_clean("\xc3"), InputError);
}

TEST_CASE("entities are replaced at once, twice over and in capitals", "[io]") {
  CHECK(prompt_clean("a &amp;amp; b &lt;c&gt;") == "a & b <c>");
  CHECK(prompt_clean("&NTILDE;&SZLIG;") == "\u00d1SS");
  CHECK(prompt_clean("this&not that") == "this\u00ac that");
}

TEST_CASE("entities after a < are left to the second step", "[io]") {
  // NFC runs only in the first step, so the letter and its accent stay two characters.
  CHECK(prompt_clean("<b>\ne&#x301;") == "<b> e\u0301");
  CHECK(prompt_clean("e&#x301;\n<b>") == "\u00e9 <b>");
}

TEST_CASE("character references follow HTML", "[io]") {
  CHECK(html_unescape(U"&notit; &notin; &ampx &amp") == U"\u00acit; \u2209 &x &");
  CHECK(html_unescape(U"&#65;&#x42&#X43; &#; &#x; &") == U"ABC &#; &#x; &");
  CHECK(html_unescape(U"&#128;&#x81;&#0;&#xD800;&#1114112;&#99999999999999999999;") ==
        U"\u20ac\u0081\ufffd\ufffd\ufffd\ufffd");
  CHECK(html_unescape(U"[&#1;&#xFFFE;&#xFDD0;&#127;]") == U"[]");
  CHECK(html_unescape(U"&NotEqualTilde;") == U"\u2242\u0338");
  CHECK(html_unescape(U"&unknown; &&amp;") == U"&unknown; &&");
}

TEST_CASE("fixing is repeated until nothing changes", "[io]") {
  CHECK(fix_text(U"&amp;amp;amp;") == U"&");
  CHECK(fix_text(U"\u0149") == U"'n");
  CHECK(fix_text(U"a\r\n\rb") == U"a\n\nb");
  CHECK(fix_text(U"\x92\x81") == U"'\x81");
}

}  // namespace
}  // namespace chitu::io
