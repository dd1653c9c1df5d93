#include "pipelines/stages/prompt_cache.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/log.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/stages/weights_fingerprint.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;

struct Loads final : graph::Observer {
  void component_onloaded(std::string_view name, std::int64_t) override {
    if (name == "text_encoder") ++count;
  }
  int count = 0;
};

/// A copy of the tiny checkpoint, and an empty cache.
struct Fixture {
  Fixture() {
    options.ckpt_dir = folder / "model";
    fs::copy(fixtures() / "wan-unipc", options.ckpt_dir, fs::copy_options::recursive);
    options.device = "cpu";
    options.dtype = "float32";
    options.prompt_cache = cache;
  }

  struct Result {
    int loads;  ///< of the text encoder
    at::Tensor prompt_embeds, negative_prompt_embeds, final_latents;
  };
  /// A run in its own engine.
  Result run(const PartialRequest& request = small_request()) const {
    const c10::InferenceMode inference;
    Engine engine(options);
    Loads loads;
    Engine::RunOptions run;
    run.observers = {&loads};
    run.dump_tensors = folder / "dump.safetensors";
    engine.generate(engine.complete(request), {}, run);
    const io::SafetensorsFile dump(run.dump_tensors);
    const auto tensor = [&](const char* name) {
      return dump.contains(name) ? dump.tensor(name).clone() : at::Tensor();
    };
    return {loads.count, tensor("prompt_embeds"), tensor("negative_prompt_embeds"),
            tensor("final_latents")};
  }
  Result run_without_cache() {
    const auto without = std::exchange(options.prompt_cache, fs::path());
    auto result = run();
    options.prompt_cache = without;
    return result;
  }

  std::vector<fs::path> files() const {
    std::vector<fs::path> found;
    if (fs::exists(cache))
      for (const auto& entry : fs::directory_iterator(cache))
        if (entry.path().extension() == ".safetensors") found.push_back(entry.path());
    std::ranges::sort(found);
    return found;
  }

  testing::TemporaryFolder folder;
  fs::path cache = folder / "cache";
  EngineOptions options;
};

/// The cache's messages in the log while this exists.
class Warnings {
 public:
  Warnings() { log_->sinks().push_back(sink_); }
  ~Warnings() { log_->sinks().pop_back(); }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> log_ = logger("prompt_cache");
  spdlog::sink_ptr sink_ = std::make_shared<spdlog::sinks::ostream_sink_st>(text_);
};

void check_same(const Fixture::Result& a, const Fixture::Result& b) {
  CHECK(at::equal(a.prompt_embeds, b.prompt_embeds));
  CHECK(at::equal(a.negative_prompt_embeds, b.negative_prompt_embeds));
  CHECK(at::equal(a.final_latents, b.final_latents));
}

TEST_CASE("cached prompts give the same bits, without the text encoder", "[pipelines]") {
  Fixture f;
  f.options.memory.low_mem_level = GENERATE(0, 2, 3);
  f.options.dtype = GENERATE("float32", "bfloat16");
  const auto plain = f.run_without_cache();
  CHECK(f.files().empty());
  const auto first = f.run();
  CHECK(first.loads == 1);
  CHECK(f.files().size() == 2);
  const auto second = f.run();
  CHECK(second.loads == 0);
  check_same(plain, first);
  check_same(plain, second);
}

TEST_CASE("the cache serves the simulated device", "[pipelines]") {
  Fixture f;
  f.options.device = "sim";
  const auto plain = f.run_without_cache();
  CHECK(f.run().loads == 1);
  const auto second = f.run();
  CHECK(second.loads == 0);
  check_same(plain, second);
}

TEST_CASE("of two prompts, only the missing one is encoded", "[pipelines]") {
  Fixture f;
  f.run();
  auto request = small_request();
  request.prompt = "a blue square";
  const auto cached = f.run(request);
  CHECK(cached.loads == 1);
  CHECK(f.files().size() == 3);  // the negative prompt is the same
  CHECK(f.run(request).loads == 0);
  f.options.prompt_cache.clear();
  check_same(cached, f.run(request));
}

TEST_CASE(
    "a cached prompt depends on everything that decides its bits, and not on the model's path",
    "[pipelines]") {
  Fixture f;
  f.run();
  auto request = small_request();
  const fs::path weights = f.options.ckpt_dir / "text_encoder" / "model.safetensors";
  const fs::path config = f.options.ckpt_dir / "text_encoder" / "config.json";
  int loads = 1;
  SECTION("nothing changed") { loads = 0; }
  SECTION("moved") {
    fs::rename(f.options.ckpt_dir, f.folder / "elsewhere");
    f.options.ckpt_dir = f.folder / "elsewhere";
    loads = 0;
  }
  SECTION("another picture of the same prompts") {
    request.seed = 9;
    request.width = 48;
    loads = 0;
  }
  SECTION("unguided: one of the prompts") {
    request.guidance_scale = 1;
    loads = 0;
  }
  SECTION("other weights") {
    std::string bytes = read_file(weights);
    bytes[bytes.size() - 5] ^= 0x10;
    fs::last_write_time(weights, fs::file_time_type::clock::now() - std::chrono::hours(1));
    const auto before = fs::last_write_time(weights);
    write_file(weights, bytes);
    REQUIRE(fs::last_write_time(weights) != before);
  }
  SECTION("other weights of the same size and time") {
    const auto time = fs::last_write_time(weights);
    std::string bytes = read_file(weights);
    bytes[bytes.size() - 5] ^= 0x10;
    SECTION("in another file") { write_file(weights, bytes); }
    SECTION("in the same file") {
      std::fstream file(weights, std::ios::in | std::ios::out | std::ios::binary);
      file.write(bytes.data(), std::ssize(bytes));
    }
    fs::last_write_time(weights, time);
  }
  SECTION("the same weights of another time") {
    fs::last_write_time(weights, fs::last_write_time(weights) + std::chrono::seconds(1));
    loads = 0;
  }
  SECTION("the same weights under another name") {
    fs::rename(weights, f.options.ckpt_dir / "text_encoder" / "model.fp32.safetensors");
    loads = 0;
  }
  SECTION("another config") { write_file(config, read_file(config) + "\n"); }
  SECTION("another dtype") { f.options.dtype = "bfloat16"; }
  SECTION("weights that wait rounded") {
    f.options.memory.states[memory::Role::text_encoder].onload.dtype =
        memory::StateDtype::float8_e4m3fn;
  }
  SECTION("another tokenizer, which gives other tokens") {
    const fs::path file = f.options.ckpt_dir / "tokenizer" / "tokenizer.json";
    std::string text = read_file(file);
    const auto found = text.find("\"vocab\"");
    REQUIRE(found != std::string::npos);
    auto json = nlohmann::json::parse(text);
    auto& vocab = json["model"]["vocab"];
    std::swap(vocab[vocab.size() - 1], vocab[vocab.size() - 2]);
    for (std::size_t i = 4; i + 1 < vocab.size(); i += 2) std::swap(vocab[i][0], vocab[i + 1][0]);
    write_file(file, json.dump());
    loads = 1;
  }
  SECTION("another length") { request.max_sequence_length = 100; }
  SECTION("another attention backend") { f.options.attn_type = "torch_sdpa_math"; }
  SECTION("another kind of device") { f.options.device = "sim"; }
  const auto cached = f.run(request);
  CHECK(cached.loads == loads);
  f.options.prompt_cache.clear();
  CHECK(at::equal(cached.final_latents, f.run(request).final_latents));
}

TEST_CASE("the checksum of a file's weights is computed once and kept", "[pipelines]") {
  const testing::TemporaryFolder memory, model;
  const io::Checkpoint committed(fixtures() / "wan-unipc" / "text_encoder");
  const auto sums = [&](const io::Checkpoint& checkpoint) {
    int reads = 0;
    const std::string sum = weights_fingerprint(checkpoint, memory.path(), [&] { ++reads; });
    return std::pair(sum, reads);
  };
  const auto [right, reads] = sums(committed);
  CHECK(reads == 1);
  CHECK(sums(committed) == std::pair(right, 0));
  // A file that changed just now could change again within the same tick of the clock.
  fs::copy(committed.path(), model.path(),
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const io::Checkpoint copied(model.path());
  CHECK(sums(copied) == std::pair(right, 1));
  CHECK(sums(copied) == std::pair(right, 1));
  // A kept checksum may be damaged; it is computed again.
  for (const auto& entry : fs::directory_iterator(memory.path())) write_file(entry.path(), "x");
  CHECK(sums(committed) == std::pair(right, 1));
  CHECK(sums(committed) == std::pair(right, 0));
}

TEST_CASE("computing the checksum of weights can be interrupted", "[pipelines]") {
  Fixture f;
  const io::Checkpoint checkpoint(f.options.ckpt_dir / "text_encoder");
  CHECK_THROWS_AS(
      weights_fingerprint(checkpoint, f.cache, [] { throw Interrupted("interrupted"); }),
      Interrupted);
  CHECK_FALSE(fs::exists(f.cache));
}

TEST_CASE("a damaged file of the cache is reported once and written again", "[pipelines]") {
  Fixture f;
  const auto plain = f.run();
  const auto files = f.files();
  const std::string right = read_file(files[0]);
  std::string expected;
  SECTION("truncated") {
    fs::resize_file(files[0], right.size() - 8);
    expected = "truncated: expected";
  }
  SECTION("empty") {
    fs::resize_file(files[0], 0);
    expected = "truncated: expected at least 8 bytes";
  }
  SECTION("a flipped bit") {
    std::string bytes = right;
    bytes[bytes.size() - 3] ^= 0x04;
    write_file(files[0], bytes);
    expected = "the data do not match their checksum";
  }
  SECTION("a file of another prompt") {
    fs::copy_file(files[1], files[0], fs::copy_options::overwrite_existing);
    expected = "made for another prompt";
  }
  const Warnings warnings;
  const auto again = f.run();
  CAPTURE(warnings.text());
  CHECK_THAT(warnings.text(), Catch::ContainsSubstring(files[0].string()) &&
                                  Catch::ContainsSubstring("encoding the prompt again"));
  CHECK_THAT(warnings.text(), Catch::ContainsSubstring(expected));
  const std::string text = warnings.text();
  const auto first = text.find("[warning]");
  REQUIRE(first != std::string::npos);
  CHECK(text.find("[warning]", first + 1) == std::string::npos);
  CHECK(again.loads == 1);
  check_same(plain, again);
  CHECK(read_file(files[0]) == right);
  CHECK(f.run().loads == 0);
}

TEST_CASE("a cache that cannot be written is refused before any work", "[pipelines]") {
  Fixture f;
  write_file(f.folder / "file", "");
  const fs::path below = GENERATE("file", "file/below");
  f.options.prompt_cache = f.folder.path() / below;
  CHECK_THROWS_AS(Engine(f.options), InputError);
  CHECK_THROWS_WITH(Engine(f.options), "infer.prompt_cache=" + f.options.prompt_cache.string() +
                                           ": cannot write: Not a directory");
}

TEST_CASE("opening a cache creates no folder until the first prompt", "[pipelines]") {
  Fixture f;
  f.options.prompt_cache = f.cache / "deeper";
  const Engine engine(f.options);
  CHECK_FALSE(fs::exists(f.cache));
  CHECK(f.run().loads == 1);
  CHECK(f.run().loads == 0);
}

}  // namespace
}  // namespace chitu::pipelines
