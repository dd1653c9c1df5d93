#include "chitu_core/config/value/json.h"
#include "tests/support/catch.h"
#include "tests/support/key_reference.h"

namespace chitu::config {
namespace {

struct Inner {
  double scale = 5;
  void bind(Binder& binder) { binder.field("scale", scale, at_least(1), "pull to the prompt"); }
};

struct Outer {
  std::string prompt;
  std::optional<std::int64_t> seed;
  std::vector<int> sizes = {64, 32};
  std::string mode = "a|b";
  Inner inner;
  void bind(Binder& binder) {
    binder.required("prompt", prompt);
    binder.field("seed", seed, between(0, 9));
    binder.field("sizes", sizes, multiple_of(16));
    binder.field("mode", mode, one_of({"a|b", "c"}));
    binder.field("inner", inner);
  }
};

}  // namespace

TEST_CASE("the reference lists every key of a struct", "[config]") {
  CHECK(testing::fields_markdown(describe_fields<Outer>()) ==
        "| key | type | default | |\n"
        "| --- | --- | --- | --- |\n"
        "| `prompt` | string | required |  |\n"
        "| `seed` | integer or null, 0 to 9 | `null` |  |\n"
        "| `sizes` | list of integer, a multiple of 16 | `[64, 32]` |  |\n"
        "| `mode` | string, one of a\\|b, c | `a\\|b` |  |\n"
        "| `inner.scale` | number, at least 1 | `5.0` | pull to the prompt |\n");
}

TEST_CASE("the JSON Schema carries types, ranges, defaults and help", "[config]") {
  const Node schema = testing::fields_schema(describe_fields<Outer>(), "outer");
  CHECK(schema.at("required").list()[0].text() == "prompt");
  CHECK(schema.at("additionalProperties").as_bool() == false);
  CHECK(to_json(schema.at("properties.seed.anyOf[0]")) ==
        R"({"type": "integer", "minimum": 0, "maximum": 9})");
  CHECK(to_json(schema.at("properties.seed.anyOf[2]")) == R"({"type": "null"})");
  CHECK(to_json(schema.at("properties.sizes.default")) == "[64, 32]");
  const Node& scale = schema.at("properties.inner.anyOf[0].properties.scale");
  CHECK(scale.at("description").text() == "pull to the prompt");
}

}  // namespace chitu::config
