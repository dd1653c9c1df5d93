#include "chitu_core/io/json.h"

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "tests/io/scratch_folder.h"
#include "tests/support/catch.h"

namespace chitu::io {
namespace {

using Json = nlohmann::json;

JsonObject config(const std::string& text) {
  return {"transformer/config.json", parse_json(text, "transformer/config.json")};
}

TEST_CASE("malformed JSON is refused with its line and column", "[io]") {
  const ScratchFolder folder("json");
  write_file(folder / "a.json", "{\n  \"x\": 1,\n  \"y\" 2\n}\n");
  const std::string path = (folder / "a.json").string();
  CHECK_THROWS_WITH(read_json(path), Catch::ContainsSubstring(path + ":3:7: syntax error") &&
                                         Catch::ContainsSubstring("expected ':'"));
  CHECK_THROWS_AS(read_json(path), InputError);
  CHECK_THROWS_WITH(parse_json("", "x"), Catch::ContainsSubstring("x:1:1: ") &&
                                             Catch::ContainsSubstring("unexpected end of input"));
  CHECK_THROWS_WITH(parse_json("\"\xff\"", "x"),
                    Catch::ContainsSubstring("x:1:2: ") && Catch::ContainsSubstring("UTF-8"));
  CHECK_THROWS_AS(parse_json("1e999", "x"), InputError);
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  CHECK_THROWS_WITH(parse_json(deep, "x"), "x: nested more than 200 deep");
  CHECK_THROWS_WITH(read_json(folder / "none.json"),
                    Catch::ContainsSubstring("none.json: No such file or directory"));
}

TEST_CASE("a file that Git LFS did not fetch is reported as such", "[io]") {
  const ScratchFolder folder("json_lfs");
  write_file(folder / "a.json", "version https://git-lfs.github.com/spec/v1\noid sha256:46\n");
  CHECK_THROWS_WITH(read_json(folder / "a.json"),
                    (folder / "a.json").string() +
                        ": a Git LFS pointer, not the file; fetch it with: git lfs pull");
}

TEST_CASE("the last value of a repeated key is used, or the key is an error on request", "[io]") {
  const std::string text = R"({"a": {"b": 1, "b": 2}, "c": {"b": 3}})";
  CHECK(parse_json(text, "x")["a"]["b"] == 2);
  CHECK_THROWS_WITH(parse_json(text, "x", DuplicateKeys::refused),
                    "x: the key \"b\" appears twice in one object");
  CHECK(parse_json(R"([{"b": 1}, {"b": 2}])", "x", DuplicateKeys::refused).size() == 2);
}

TEST_CASE("typed getters give what the file holds", "[io]") {
  const JsonObject object = config(
      R"({"i": 3, "d": 0.5, "b": true, "s": "text", "is": [1, 2], "bs": [false, true],
          "n": null, "ds": [1, 2.5], "ss": ["a"], "_class_name": "X", "inner": {"deep": 1}})");
  CHECK(object.required<int>("i") == 3);
  CHECK(object.required<double>("i") == 3.0);
  CHECK(object.required<double>("d") == 0.5);
  CHECK(object.required<bool>("b"));
  CHECK(object.required<std::string>("s") == "text");
  CHECK(object.required<std::vector<std::int64_t>>("is") == std::vector<std::int64_t>{1, 2});
  CHECK(object.required<std::vector<bool>>("bs") == std::vector<bool>{false, true});
  CHECK(object.required<std::vector<double>>("ds") == std::vector<double>{1, 2.5});
  CHECK(object.required<std::optional<int>>("i") == 3);
  CHECK_FALSE(object.required<std::optional<int>>("n"));
  CHECK(object.value_or<int>("n", 7) == 7);
  CHECK(object.value_or<int>("absent", 7) == 7);
  CHECK(object.value_or<std::string>("s", "other") == "text");
  CHECK(object.object("inner").required<int>("deep") == 1);
  CHECK(object.contains("n"));
  CHECK_FALSE(object.contains("absent"));
  CHECK(object.unknown_keys({"i", "d", "b", "s", "is", "bs", "n", "ds"}) ==
        std::vector<std::string>{"inner", "ss"});
}

TEST_CASE("an unknown key with value null is silently ignored", "[io]") {
  const JsonObject object = config(R"({"a": 1, "quantization_config": null, "b": null, "c": 0})");
  CHECK(object.unknown_keys({"a"}) == std::vector<std::string>{"c"});
}

TEST_CASE("the error about a wrong type names the expected type", "[io]") {
  const JsonObject object = config(
      R"({"num_layers": "x", "f": 1.5, "big": 3000000000, "bigger": 18446744073709551615,
          "n": null, "list": [1, "a"], "inner": {"deep": []}})");
  CHECK_THROWS_WITH(object.required<int>("num_layers"),
                    "transformer/config.json: num_layers: expected an integer, got \"x\"");
  CHECK_THROWS_AS(object.required<int>("num_layers"), InputError);
  CHECK_THROWS_WITH(object.required<int>("absent"), "transformer/config.json: absent: missing");
  CHECK_THROWS_WITH(object.value_or<int>("f", 1),
                    "transformer/config.json: f: expected an integer, got 1.5");
  CHECK_THROWS_AS(object.required<int>("big"), InputError);
  CHECK(object.required<std::int64_t>("big") == 3000000000);
  CHECK_THROWS_AS(object.required<std::int64_t>("bigger"), InputError);
  CHECK_THROWS_WITH(object.required<bool>("n"), Catch::ContainsSubstring("got null"));
  CHECK_THROWS_WITH(object.required<std::vector<std::int64_t>>("list"),
                    Catch::ContainsSubstring("expected a list of integers, got [1,\"a\"]"));
  CHECK_THROWS_WITH(object.object("inner").required<int>("deep"),
                    Catch::ContainsSubstring("json: inner.deep: expected an integer, got []"));
  CHECK_THROWS_WITH(object.object("f"), Catch::ContainsSubstring("f: expected an object, got 1.5"));
  CHECK_THROWS_WITH(config("[1]"), "transformer/config.json: expected an object, got [1]");
}

}  // namespace
}  // namespace chitu::io
