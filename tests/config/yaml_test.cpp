#include "chitu_core/config/value/error.h"
#include "chitu_core/config/yaml/loader.h"
#include "chitu_core/config/yaml/yaml_writer.h"
#include "tests/support/catch.h"

namespace chitu::config {

TEST_CASE("every value has the position where it was written", "[config]") {
  const Node root = parse_yaml("a: 1\nb:\n  c: [x,\n    yy]\n", "f.yaml");
  CHECK(to_string_with_column(root.at("a").origin()) == "f.yaml:1:4");
  CHECK(to_string_with_column(root.at("b.c").origin()) == "f.yaml:3:6");
  CHECK(to_string_with_column(root.at("b.c[1]").origin()) == "f.yaml:4:5");
  CHECK(to_string(root.map().begin()[1].origin) == "f.yaml:2");
}

TEST_CASE("printed YAML parses to the same tree", "[config]") {
  const char* text =
      "plain: text\nquoted: 'yes'\nnumber: '12'\nfloat: 1e-05\ninf: .inf\nnothing: null\n"
      "missing: ???\nref: ${a.b}\nlist: [a, [b], {c: d}]\nempty: {}\nnone: []\n"
      "lines: \"one\\ntwo\"\nspecial: \"tab\\there\"\n'on': x\ntrue: flag\n"
      "4E400: huge\n1e-7: tiny\n.nan: none\nlong: the quick brown fox jumps over the lazy dog and "
      "then over the next one, twice in a "
      "row\n";
  const Node root = parse_yaml(text, "f");
  const std::string printed = to_yaml(root);
  CHECK(parse_yaml(printed, "g") == root);
  CHECK_THAT(printed, Catch::ContainsSubstring("float: 1.0e-05\n"));
  CHECK_THAT(printed, Catch::ContainsSubstring("missing: ???\n"));
  CHECK_THAT(printed, Catch::ContainsSubstring(".inf: huge\n1.0e-07: tiny\n.nan: none\n"));
  CHECK_THAT(printed, Catch::ContainsSubstring("'on': x\n"));
  CHECK_THAT(printed, Catch::ContainsSubstring("twice\n  in a row\n"));
}

TEST_CASE("a text at a great depth keeps its characters when it is printed", "[config]") {
  for (const std::string text :
       {"-E\uFEFF - - -", "a b  c\td", "\uFEFF \uFEFF \uFEFF  x", " \t \t "}) {
    Node root = Node::literal(text);
    for (int depth = 0; depth < 60; ++depth) root = Node(List{std::move(root)});
    const std::string printed = to_yaml(root);
    INFO(printed);
    CHECK(to_yaml(parse_yaml(printed, "again.yaml")) == printed);
    Node leaf = parse_yaml(printed, "again.yaml");
    while (leaf.is_list()) leaf = Node(leaf.list().front());
    CHECK(leaf.text() == text);
  }
}

TEST_CASE("hostile YAML is refused with the name of the limit", "[config]") {
  SECTION("depth") {
    CHECK_THROWS_WITH(parse_yaml(std::string(50'000, '['), "f"),
                      Catch::ContainsSubstring("nested deeper than 200"));
    std::string blocks;
    for (int i = 0; i < 5'000; ++i) blocks += "- ";
    CHECK_THROWS_WITH(parse_yaml(blocks + "x", "f"),
                      Catch::ContainsSubstring("nested deeper than 200"));
  }
  SECTION("aliases that multiply") {
    std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 9; ++i) {
      const std::string before = "*a" + std::to_string(i - 1);
      text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
      for (int k = 0; k < 10; ++k) text += (k ? ", " : "") + before;
      text += "]\n";
    }
    CHECK_THROWS_WITH(parse_yaml(text, "f"), Catch::ContainsSubstring("aliases counted"));
  }
  SECTION("an alias inside its anchor") {
    CHECK_THROWS_WITH(parse_yaml("a: &x [*x]\n", "f"), Catch::ContainsSubstring("its own anchor"));
  }
  SECTION("bytes that are no text") {
    CHECK_THROWS_WITH(parse_yaml("a: \xC3\x28\n", "f"), "f: not UTF-8");
    CHECK_THROWS_WITH(parse_yaml(std::string("a: \x01\n"), "f"), Catch::ContainsSubstring("f:1:4"));
  }
}

namespace {
struct Refused {
  const char* yaml;
  const char* told;
};
}  // namespace

TEST_CASE("text that YAML 1.1 does not allow is refused with its position", "[config]") {
  const Refused refused = GENERATE(
      values<Refused>({{"a: \"x\n", "f:1:4: this quote is never closed"},
                       {"a: 'x''\n", "f:1:4: this quote is never closed"},
                       {"a: [1, , 2]\n", "f:1:8: expected a value before this"},
                       {"a: [,]\n", "f:1:5: expected a value before this"},
                       {"a: {,}\n", "f:1:5: expected a key before this"},
                       {"a: [1, 2\n", "expected , or ]"},
                       {"a: 1\nseed 42\n", "f:2:1: expected : after the key"},
                       {"a: 1\nb:\n  c: 1\n  seed 42\n", "f:4:3: expected : after the key"},
                       {"a:\nseed\n", "f:2:1: expected : after the key"},
                       {"a: b ?\nseed 42\n", "f:2:1: expected : after the key"},
                       {"a: 1\n%foo\n", "f:2:1: a directive"},
                       {"a: 1\n%foo\nb: 2\n", "a second document"},
                       {"%YAML 1.1\na: 1\n", "f:2:1: expected --- after the directives"},
                       {"%YAML 1.1\n", "f:1:1: expected --- after the directives"},
                       {"a: 1\n---\nb: 2\n", "f:2:1: a second document"},
                       {"é: &x.y 1\n", "f:1:4: the name of an anchor is letters, digits, - and _"},
                       {"a: *b\n", "f:1:4: the alias *b has no anchor before it"},
                       {"a:\n\tb: 1\n", "f:2:1: a tab cannot indent YAML, use spaces"},
                       {"a: b: c\n", "f:1:5: a second : on this line"},
                       {"a: @x\n", "f:1:4: '@' cannot begin a value, quote it"},
                       {"a: \"\\q\"\n", "unknown escape character: q"}}));
  CAPTURE(refused.yaml);
  CHECK_THROWS_WITH(parse_yaml(refused.yaml, "f"), Catch::ContainsSubstring(refused.told));
}

namespace {
struct Read {
  const char* yaml;
  const char* value;
};
}  // namespace

TEST_CASE("texts keep their line breaks, escapes and tags", "[config]") {
  const Read read = GENERATE(values<Read>({{"a: >+\n  x\n\n\n", "x\n\n\n"},
                                           {"a: >+2\n  x\n\nb: 1\n", "x\n\n"},
                                           {"a: |+\n  x\n\n", "x\n\n"},
                                           {"a: 'x\n\n\n  '\n", "x\n\n"},
                                           {"a: \"x\\n\n\n\n  \"\n", "x\n\n\n"},
                                           {"a: \"x\\n \"\n", "x\n "},
                                           {"a: \"x\\n\n  \"\n", "x\n "},
                                           {"a: 'x\n  '\n", "x "},
                                           {"a: \"\\x0A\n\n\n\n\"\n", "\n\n\n\n"},
                                           {"a: \"x\\n\\\n\n\n\n\"\n", "x\n\n\n\n"},
                                           {"a: \"\\N\\_é\"\n", "\u0085\u00A0é"},
                                           {"a: x\r\n  y\r\n", "x y"},
                                           {"a: 'x\r  y'\n", "x y"},
                                           {"\xEF\xBB\xBF"
                                            "a: x",
                                            "x"},
                                           {"a: !!str 12\n", "12"},
                                           {"? a\n: x\n", "x"},
                                           {"a: 'y: %'\n", "y: %"}}));
  CAPTURE(read.yaml);
  const Node root = parse_yaml(read.yaml, "f");
  CHECK(root.at("a").kind() == Kind::string);
  CHECK(root.at("a").text() == read.value);
}

TEST_CASE("a tag has precedence over quotes", "[config]") {
  const Node root = parse_yaml("a: !!int \"12\"\nb: ! 12\nc: ! '12'\nd: '12'\n", "f");
  for (const char* key : {"a", "b", "c"}) CHECK(root.at(key).kind() == Kind::integer);
  CHECK(root.at("d").kind() == Kind::string);
}

TEST_CASE("a missing value has the line of its key", "[config]") {
  const Node root = parse_yaml("a:\n\n\nb: 1\n", "f");
  CHECK(to_string_with_column(root.at("a").origin()) == "f:1:2");
}

}  // namespace chitu::config
