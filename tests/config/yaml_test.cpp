#include "chitu_core/config/error.h"
#include "chitu_core/config/loader.h"
#include "chitu_core/config/yaml_writer.h"
#include "tests/support/catch.h"

namespace chitu::config {

TEST_CASE("every value knows the place it was written at", "[config]") {
  const Node root = parse_yaml("a: 1\nb:\n  c: [x,\n    yy]\n", "f.yaml");
  CHECK(to_string_with_column(root.at("a").origin()) == "f.yaml:1:4");
  CHECK(to_string_with_column(root.at("b.c").origin()) == "f.yaml:3:6");
  CHECK(to_string_with_column(root.at("b.c[1]").origin()) == "f.yaml:4:5");
  CHECK(to_string(root.map().begin()[1].origin) == "f.yaml:2");
}

TEST_CASE("YAML that is printed reads as the same tree", "[config]") {
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

TEST_CASE("hostile YAML is refused with a limit's name", "[config]") {
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

}  // namespace chitu::config
