#include "chitu_core/config/bind/binder.h"

#include "chitu_core/config/yaml/loader.h"
#include "tests/support/catch.h"

namespace chitu::config {
namespace {

enum class Residency { resident, offloaded, streamed };

constexpr auto config_names(Residency) {
  using namespace std::string_view_literals;
  return std::array{std::pair{"resident"sv, Residency::resident},
                    std::pair{"offloaded"sv, Residency::offloaded},
                    std::pair{"streamed"sv, Residency::streamed}};
}

struct MemoryConfig {
  int low_mem_level = 0;
  std::int64_t vae_tile_px = 256;
  Residency transformer = Residency::resident;

  void bind(Binder& binder) {
    binder.field("low_mem_level", low_mem_level, between(0, 3), "0 keeps all on the device");
    binder.field("vae_tile_px", vae_tile_px, at_least(64) && multiple_of(8));
    binder.field("transformer", transformer);
  }
};

struct RequestConfig {
  std::string prompt;
  double guidance_scale = 5;
  bool save = true;
  std::optional<std::int64_t> seed;
  std::vector<double> sigmas;
  std::map<std::string, int> weights;
  std::array<int, 2> size = {64, 64};
  std::filesystem::path output = "out";
  MemoryConfig memory;

  void bind(Binder& binder) {
    binder.required("prompt", prompt, {}, "what to draw");
    binder.field("guidance_scale", guidance_scale, at_least(1));
    binder.field("save", save, "whether to write a file");
    binder.field("seed", seed);
    binder.field("sigmas", sigmas, more_than(0));
    binder.field("weights", weights);
    binder.field("size", size, at_least(16));
    binder.field("output", output);
    binder.field("memory", memory);
  }
};

MemoryConfig read_memory(const char* text) {
  const Node root = parse_yaml(text, "config/memory/low.yaml");
  return read<MemoryConfig>(View(root)["memory"]);
}

RequestConfig read_request(const char* text) {
  const Node root = parse_yaml(text, "request.yaml");
  return read<RequestConfig>(root);
}

enum class Tiling { off, exact };
constexpr auto config_names(Tiling) {
  return std::array{std::pair{"off", Tiling::off}, std::pair{"exact", Tiling::exact}};
}

struct Vae {
  std::optional<Tiling> tiling;
  std::optional<Bytes> limit;
  std::optional<BytesPerSecond> rate;
  std::optional<Amount> share;
  Seed seed;
  void bind(Binder& binder) {
    binder.field("tiling", tiling, "how");
    binder.field("limit", limit, "how much");
    binder.field("rate", rate, "how fast");
    binder.field("share", share, "how much of it");
    binder.field("seed", seed, "of the noise");
  }
};

Vae read_vae(const char* yaml) {
  const Node root = parse_yaml(yaml, "vae.yaml");
  return read<Vae>(View(root));
}

TEST_CASE("a plain off is a word where off is an option", "[config]") {
  CHECK(read_vae("tiling: off\n").tiling == Tiling::off);
  CHECK(read_vae("tiling: 'off'\n").tiling == Tiling::off);
  CHECK(read_vae("tiling: exact\n").tiling == Tiling::exact);
  CHECK_FALSE(read_vae("tiling: null\n").tiling);
  CHECK_THROWS_WITH(read_vae("tiling: on\n"),
                    Catch::ContainsSubstring("one of off, exact, got true"));
}

TEST_CASE("sizes accept units, and plain numbers count GiB", "[config]") {
  CHECK(read_vae("limit: 512MiB\n").limit->count == 512 << 20);
  CHECK(read_vae("limit: 2\n").limit->count == std::int64_t{2} << 30);
  CHECK(read_vae("limit: 1.5\n").limit->count == 3 << 29);
  CHECK_THROWS_WITH(
      read_vae("limit: 2 gigs\n"),
      Catch::ContainsSubstring("expected a size above 0, such as 8GiB or 512MiB, got"));
  CHECK_THROWS_WITH(read_vae("limit: true\n"), Catch::ContainsSubstring("expected a size"));
  for (const char* yaml : {"limit: 0\n", "limit: 0B\n", "limit: -1\n"})
    CHECK_THROWS_WITH(read_vae(yaml), Catch::ContainsSubstring("expected a size above 0"));
}

TEST_CASE("a number above 1024 needs a unit for every size key", "[config]") {
  for (const char* yaml : {"limit: 8000000000\n", "rate: 28.8e9\n", "share: '1025'\n"})
    CHECK_THROWS_WITH(read_vae(yaml),
                      Catch::ContainsSubstring("expected a unit, such as 8GB or 8GiB"));
  CHECK(read_vae("limit: 1024\n").limit->count == std::int64_t{1024} << 30);
  CHECK(read_vae("rate: 28.8GB/s\n").rate->count == 28'800'000'000);
  CHECK_THROWS_WITH(read_vae("rate: 0\n"), Catch::ContainsSubstring("a bandwidth above 0"));
  CHECK(read_vae("share: 80%\n").share == Amount{0, 0.8});
  CHECK(read_vae("share: 6\n").share == Amount{std::int64_t{6} << 30, 0});
  for (const char* yaml : {"share: 0\n", "share: 101%\n", "share: lots\n"})
    CHECK_THROWS_WITH(read_vae(yaml), Catch::ContainsSubstring("expected an amount of memory"));
}

TEST_CASE("a seed is any 64-bit integer that torch.Generator.manual_seed accepts", "[config]") {
  CHECK(read_vae("seed: 18446744073709551615\n").seed.bits == 0xFFFF'FFFF'FFFF'FFFF);
  CHECK(read_vae("seed: '9223372036854775808'\n").seed.bits == 0x8000'0000'0000'0000);
  CHECK(read_vae("seed: -1\n").seed.bits == 0xFFFF'FFFF'FFFF'FFFF);
  CHECK(read_vae("seed: -9223372036854775808\n").seed.bits == 0x8000'0000'0000'0000);
  for (const char* yaml : {"seed: 1.5\n", "seed: '18446744073709551616'\n", "seed: x\n"})
    CHECK_THROWS_WITH(read_vae(yaml),
                      Catch::ContainsSubstring("expected an integer from -2^63 to 2^64 - 1"));
}

}  // namespace

struct Saving {
  OneOrMore<Residency> format{{Residency::resident}};
  void bind(Binder& binder) { binder.field("format", format); }
};

TEST_CASE("a field of one value or more takes a value or a list of different ones", "[config]") {
  const auto formats = [](const char* text) {
    const Node root = parse_yaml(text, "x.yaml");
    return read<Saving>(View(root)).format.items;
  };
  using Items = std::vector<Residency>;
  CHECK(formats("{}") == Items{Residency::resident});
  CHECK(formats("format: streamed") == Items{Residency::streamed});
  CHECK(formats("format: [streamed, resident]") == Items{Residency::streamed, Residency::resident});
  CHECK_THROWS_WITH(formats("format: []"), "x.yaml:1: format: expected one value or more, got []");
  CHECK_THROWS_WITH(formats("format: [streamed, streamed]"),
                    "x.yaml:1: format[1]: is in the list already, expected each value once");
  CHECK_THROWS_WITH(
      formats("format: [streamed, stream]"),
      Catch::ContainsSubstring("format[1]: expected one of resident, offloaded, streamed, "
                               "got \"stream\", did you mean streamed?"));
  const FieldInfo field = describe_fields<Saving>().front();
  CHECK(field.type == "string or list of string");
  CHECK(field.default_value == "resident");
  CHECK(field.rule.choices.size() == 3);
}

TEST_CASE("a text that is not UTF-8 is refused with its key", "[config]") {
  Map request;
  request.set("prompt", Node::literal("a\xFF"));
  CHECK_THROWS_WITH(read<RequestConfig>(Node(std::move(request))),
                    "prompt: not valid UTF-8 at byte 2");
}

TEST_CASE("a struct reads its fields from YAML", "[config]") {
  const RequestConfig request = read_request(
      "prompt: a red circle\nguidance_scale: 3\nsave: 'no'\nseed: ${weights.a}\n"
      "sigmas: [1, .5, '0.25']\nweights: {a: 7, b: -1}\nsize: [832, 480]\noutput: x/y\n"
      "memory: {low_mem_level: '2', transformer: streamed}\n");
  CHECK(request.prompt == "a red circle");
  CHECK(request.guidance_scale == 3.0);
  CHECK_FALSE(request.save);
  CHECK(request.seed == 7);
  CHECK(request.sigmas == std::vector<double>{1, 0.5, 0.25});
  CHECK(request.weights == std::map<std::string, int>{{"a", 7}, {"b", -1}});
  CHECK(request.size == std::array<int, 2>{832, 480});
  CHECK(request.output == std::filesystem::path("x/y"));
  CHECK(request.memory.low_mem_level == 2);
  CHECK(request.memory.vae_tile_px == 256);
  CHECK(request.memory.transformer == Residency::streamed);
}

TEST_CASE("a bad value is reported with its file, line and key", "[config]") {
  SECTION("out of range") {
    CHECK_THROWS_WITH(read_memory("memory:\n  low_mem_level: 5\n"),
                      "config/memory/low.yaml:2: memory.low_mem_level: expected 0 to 3, got 5");
  }
  SECTION("wrong type") {
    CHECK_THROWS_WITH(
        read_memory("memory:\n  low_mem_level: five\n"),
        "config/memory/low.yaml:2: memory.low_mem_level: expected 0 to 3, got \"five\"");
  }
  SECTION("a fraction for an integer") {
    CHECK_THROWS_WITH(read_memory("memory:\n  low_mem_level: 1.5\n"),
                      "config/memory/low.yaml:2: memory.low_mem_level: expected an integer, 0 to "
                      "3, got 1.5");
  }
  SECTION("unknown key") {
    CHECK_THROWS_WITH(
        read_memory("memory:\n  low_mem_level: 3\n  vae_tile_pz: 64\n"),
        "config/memory/low.yaml:3: memory.vae_tile_pz: unknown key, did you mean vae_tile_px?");
  }
  SECTION("unknown name of an enumeration") {
    CHECK_THROWS_WITH(read_memory("memory: {transformer: streame}"),
                      "config/memory/low.yaml:1: memory.transformer: expected one of resident, "
                      "offloaded, streamed, got \"streame\", did you mean streamed?");
  }
  SECTION("an interpolation is named with what it gave") {
    CHECK_THROWS_WITH(read_memory("memory:\n  low_mem_level: ${n}\nn: x\n"),
                      "config/memory/low.yaml:2: memory.low_mem_level: expected 0 to 3, got \"x\" "
                      "from ${n}");
  }
}

TEST_CASE("all mistakes in nested structs are reported together", "[config]") {
  try {
    read_request(
        "guidance_scale: 0.5\nsave: maybe\nseed: ???\nsigmas: [1, -1]\nsize: [1]\n"
        "memory: {vae_tile_px: 65, trasformer: x}\nweights: {a: '${nope}'}\n");
    FAIL("nothing was refused");
  } catch (const ConfigError& error) {
    CHECK(std::string(error.what()) ==
          "request.yaml:1: prompt: required, give it a value\n"
          "request.yaml:1: guidance_scale: expected at least 1, got 0.5\n"
          "request.yaml:2: save: expected a boolean, got \"maybe\"\n"
          "request.yaml:3: seed: is ??? (no value yet), expected an integer; set it with seed=...\n"
          "request.yaml:4: sigmas[1]: expected more than 0, got -1\n"
          "request.yaml:7: weights.a: cannot resolve ${nope}: key nope not found\n"
          "request.yaml:5: size[0]: expected at least 16, got 1\n"
          "request.yaml:6: memory.vae_tile_px: expected at least 64, a multiple of 8, got 65\n"
          "request.yaml:6: memory.trasformer: unknown key, did you mean transformer?");
  }
}

struct Lora {
  std::string path;
  void bind(Binder& binder) { binder.required("path", path); }
};

struct Model {
  std::vector<Lora> loras;
  void bind(Binder& binder) { binder.field("loras", loras); }
};

TEST_CASE("an item of a list that has no value is set with the whole list", "[config]") {
  const Node root = parse_yaml("loras: [{path: a}, {path: '\?\?\?'}]\n", "model.yaml");
  CHECK_THROWS_WITH(read<Model>(root),
                    "model.yaml:1: loras[1].path: is ??? (no value yet), expected a string; set it "
                    "with loras=[{path:...}]");
  CHECK_THROWS_WITH(read_request("prompt: x\nsigmas: [1, '\?\?\?']\n"),
                    Catch::ContainsSubstring("sigmas[1]: is ??? (no value yet), expected ") &&
                        Catch::ContainsSubstring("; set it with sigmas=[...]"));
}

TEST_CASE("describe_fields lists names, types, defaults and help", "[config]") {
  const std::vector<FieldInfo> fields = describe_fields<RequestConfig>();
  REQUIRE(fields.size() == 9);
  CHECK(fields[0].required);
  CHECK(fields[0].help == "what to draw");
  CHECK(fields[1].type == "number");
  CHECK(fields[1].default_value == "5.0");
  CHECK(fields[3].optional);
  CHECK(fields[3].default_value == "null");
  CHECK(fields[6].default_value == "[64, 64]");
  REQUIRE(fields[8].children.size() == 3);
  CHECK(fields[8].children[2].default_value == "resident");
}

}  // namespace chitu::config
