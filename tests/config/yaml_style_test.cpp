// Expected texts recorded from OmegaConf.to_yaml by tests/config/against_omegaconf.py.
#include "chitu_core/config/yaml/yaml_style.h"

#include <filesystem>

#include "chitu_core/config/yaml/loader.h"
#include "chitu_core/config/yaml/yaml_writer.h"
#include "tests/support/catch.h"
#include "tests/support/json_node.h"

namespace chitu::config {
namespace {

Node one_item(Node item) { return Node(List{std::move(item)}); }

Node one_entry(std::string_view key, Node value) {
  Map map;
  map.set(key, std::move(value));
  return Node(std::move(map));
}

}  // namespace

TEST_CASE("strings are written as OmegaConf writes them", "[config]") {
  const auto file = std::filesystem::path(CHITU_TEST_DATA) / "config" / "omegaconf_yaml.json";
  const Node rows = testing::read_json(file);
  REQUIRE(rows.list().size() > 100);
  for (const Node& row : rows.list()) {
    const std::string& text = row.at("text").text();
    const Node value = Node::literal(text);
    INFO(row.at("value").text());
    CHECK(to_yaml(one_entry("k", value)) == row.at("value").text());
    CHECK(to_yaml(one_item(value)) == row.at("item").text());
    CHECK(to_yaml(one_item(one_entry("m", one_item(value)))) == row.at("nested").text());
    CHECK(to_yaml(one_entry(text, Node(1))) == row.at("key").text());
    CHECK(parse_yaml(to_yaml(one_item(value)), "f").list()[0] == Node(text));
    CHECK(parse_yaml("- " + to_inline_yaml(value) + "\n", "f").list()[0] == Node(text));
  }
}

TEST_CASE("the value of a key that needs several lines stays a map or list", "[config]") {
  const Node list = one_item(Node(1)), map = one_entry("b", Node(2));
  CHECK(to_yaml(one_entry("a\nb", list)) == "? 'a\n\n  b'\n: - 1\n");
  CHECK(to_yaml(one_entry("", map)) == "? ''\n: b: 2\n");
  CHECK(parse_yaml(to_yaml(one_entry("a\nb", map)), "f") == one_entry("a\nb", map));
}

TEST_CASE("Unicode line breaks are escaped, so that every reader recognizes them", "[config]") {
  const Node text = Node::literal("a\xC2\x85 \xE2\x80\xA8\xE2\x80\xA9z");
  CHECK(to_yaml(one_item(text)) == "- \"a\\N \\L\\Pz\"\n");
  CHECK(parse_yaml(to_yaml(one_item(text)), "f").list()[0] == text);
}

}  // namespace chitu::config
