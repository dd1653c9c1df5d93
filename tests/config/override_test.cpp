#include "chitu_core/config/override/override.h"

#include "chitu_core/common/utf8.h"
#include "chitu_core/config/override/ranges.h"
#include "chitu_core/config/value/error.h"
#include "tests/support/catch.h"

namespace chitu::config {

TEST_CASE("an override that is written again parses to the same", "[config]") {
  for (const char* text : {"a=1", "a=[1,b\\ c,'d,e']", "a={k:v,l:[1.5,null]}", "a='it\\'s'",
                           "a=\"x\\\\\"", "a=\\[x\\]", "a=True", "a=1e-05"}) {
    const Override parsed = parse_override(text);
    CHECK(parsed.key_element() + "=" + override_text(parsed.value) == text);
  }
}

TEST_CASE("a grammar error points at the character and shows the quoted form", "[config]") {
  CHECK_THROWS_WITH(parse_override("name=a#b"),
                    "name=a#b: expected the end, got '#' at column 7; "
                    "to give the text as it is, quote it: name='a#b'");
  CHECK_THROWS_WITH(parse_override("k=[{p:~/a}]"),
                    Catch::ContainsSubstring("got '~' at column 7; a text with such characters is "
                                             "quoted inside the list or mapping, as in ['a b~']"));
  CHECK_THROWS_WITH(parse_override("a b=1"), Catch::ContainsSubstring("no blank is allowed"));
  CHECK_THROWS_WITH(parse_override("k='x"), Catch::ContainsSubstring("the quote ' is not closed"));
  CHECK_THROWS_WITH(parse_override("k"), Catch::ContainsSubstring("expected = and a value"));
}

TEST_CASE("texts given by --set-str need no quoting", "[config]") {
  const Override given = text_override("prompt", "a=1, 'b' #c \\");
  CHECK(given.value.text() == "a=1, 'b' #c \\");
  CHECK(parse_override(given.text).value.text() == given.value.text());
}

TEST_CASE("integers up to 2^64 - 1 are parsed, written and counted", "[config]") {
  const Override big = parse_override("seed=18446744073709551615");
  CHECK(override_text(big.value) == "18446744073709551615");
  CHECK(big.value.as_bits() == 0xFFFF'FFFF'FFFF'FFFF);
  CHECK_THROWS_WITH(big.value.as_integer(),
                    Catch::ContainsSubstring("at most 9223372036854775807"));
  CHECK_THROWS_WITH(parse_override("seed=18446744073709551616"),
                    Catch::ContainsSubstring("does not fit 64 bits"));
  const List counted = range_values(Node(std::uint64_t{0x7FFF'FFFF'FFFF'FFFF}),
                                    Node(std::uint64_t{0x8000'0000'0000'0001}), Node(1));
  CHECK(counted == List{Node(std::int64_t{0x7FFF'FFFF'FFFF'FFFF}),
                        Node(std::uint64_t{0x8000'0000'0000'0000})});
  CHECK(integer_less(Node(-1), Node(std::uint64_t{0x8000'0000'0000'0000})));
  CHECK(Node(std::uint64_t{5}) == Node(5));
}

TEST_CASE("a message about an override is one line of complete characters", "[config]") {
  CHECK_THROWS_WITH(parse_override("n\xC3\xA9=1"),
                    Catch::ContainsSubstring("got '\xC3\xA9' at column 2"));
  std::string text = "a=";
  for (int i = 0; i < 200; ++i) text += "\xC3\xA9";
  for (const std::string& wrong : {text + "#", text + "\xE6\xBC\xA2#\nb"}) try {
      parse_override(wrong);
      FAIL("nothing was refused");
    } catch (const ConfigError& error) {
      CHECK_FALSE(first_bad_byte(error.what()));
      CHECK(std::string(error.what()).size() < 300);
    }
  CHECK_THROWS_WITH(parse_override("a=\xFF"), Catch::ContainsSubstring("byte 3"));
  CHECK_THROWS_WITH(text_override("request.prompt", "x\xFF"),
                    "request.prompt: not valid UTF-8 at byte 2");
}

TEST_CASE("ranges have the length that Python gives", "[config]") {
  const auto numbers = [](double start, double stop, double step) {
    std::vector<double> values;
    for (const Node& value : range_values(Node(start), Node(stop), Node(step)))
      values.push_back(value.as_real());
    return values;
  };
  CHECK(numbers(0, 1, 0.25) == std::vector<double>{0, 0.25, 0.5, 0.75});
  // 28-digit decimals: the sum of two 0.1 stays below the double 0.2.
  CHECK(numbers(0, 0.2, 0.1) == std::vector<double>{0, 0.1, 0.2});
  CHECK(numbers(1, 0, -0.5) == std::vector<double>{1, 0.5});
  CHECK(range_values(Node(3), Node(0), Node(-2)) == List{Node(3), Node(1)});
  CHECK_THROWS_WITH(range_values(Node(0), Node(1), Node(0)),
                    Catch::ContainsSubstring("must not be 0"));
  CHECK_THROWS_WITH(range_values(Node(0), Node(2'000'000'000), Node(1)),
                    Catch::ContainsSubstring("more than 1000000 values"));
  CHECK_THROWS_WITH(range_values(Node(1e17), Node(2e17), Node(1e-17)),
                    Catch::ContainsSubstring("more than 1000000 values"));
}

TEST_CASE("hostile overrides are refused quickly", "[config]") {
  CHECK_THROWS_AS(parse_override("a=" + std::string(100'000, '[')), ConfigError);
  CHECK_THROWS_AS(parse_override("a=" + std::string(100'000, '(')), ConfigError);
  std::string open;
  for (int i = 0; i < 100'000; ++i) open += "${";
  CHECK_THROWS_AS(parse_override("a=" + open), ConfigError);
  CHECK_THROWS_AS(parse_override("a=\xFF"), ConfigError);
}

}  // namespace chitu::config
