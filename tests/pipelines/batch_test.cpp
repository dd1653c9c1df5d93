#include "pipelines/batch/batch.h"

#include <set>
#include <stop_token>

#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "tests/io/full_disk.h"
#include "tests/pipelines/batch_world.h"
#include "tests/pipelines/deep_model.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    names.insert(entry.path().filename().string());
  return names;
}

/// Four requests alike, a wider one and one without guidance.
void add_mixed(BatchWorld& world) {
  world.add_alike(4);
  auto wide = small_request();
  wide.width = 48;
  world.add(wide);
  auto unguided = small_request();
  unguided.guidance_scale = 1;
  world.add(unguided);
}

/// What generate() makes of each of them.
const std::vector<std::map<std::string, std::string>>& mixed_alone() {
  static const auto made = [] {
    BatchWorld world(tiny_on("cpu", 0));
    add_mixed(world);
    std::vector<std::map<std::string, std::string>> media;
    for (std::size_t item = 0; item < world.items.size(); ++item)
      media.push_back(world.alone(item));
    return media;
  }();
  return made;
}

TEST_CASE("every item of a window has the bits of a run alone, at every level", "[batch]") {
  const std::string device = GENERATE("cpu", "sim");
  const int level = GENERATE(0, 1, 2, 3);
  const std::int64_t size = level == 3 ? GENERATE(1, 3) : 3;
  CAPTURE(device, level, size);
  BatchWorld world(tiny_on(device, level));
  world.options.size = size;
  add_mixed(world);
  BatchLog log;
  CHECK(world.run(log) == BatchEnd::finished);
  CHECK(log.failed.empty());
  REQUIRE(log.saved.size() == 6);
  for (std::size_t item = 0; item < 6; ++item) {
    CAPTURE(item);
    CHECK(world.made(item) == mixed_alone()[item]);
    CHECK(log.latents_at_end.at(item));
    CHECK(log.saved.at(item).files == std::vector{world.items[item].output.dir / "frames"});
  }
  CHECK(std::filesystem::is_empty(world.options.spill_dir));
}

TEST_CASE("settings of guidance, activations and weights change no bit of a group", "[batch]") {
  EngineOptions options = tiny_on("sim", GENERATE(0, 3));
  SECTION("guidance branches one after the other") { options.memory.guidance_interleave = false; }
  SECTION("activations that wait on the host") { options.memory.offload_activations = true; }
  SECTION("both") {
    options.memory.guidance_interleave = false;
    options.memory.offload_activations = true;
  }
  SECTION("keys and values of the prompt made anew") { options.memory.keep_text_kv = false; }
  BatchWorld world(options);
  world.options.size = 3;
  world.add_alike(3);
  BatchLog log;
  world.run(log);
  REQUIRE(log.saved.size() == 3);
  for (std::size_t item = 0; item < 3; ++item) CHECK(world.made(item) == mixed_alone()[item]);
}

TEST_CASE("a window brings each component in once, whatever the level", "[batch]") {
  const int level = GENERATE(0, 1, 2, 3);
  CAPTURE(level);
  BatchWorld world(tiny_on("sim", level));
  world.add_alike(5);
  world.options.size = GENERATE(1, 2);
  Onloads onloads;
  world.options.observers = {&onloads};
  BatchLog log;
  world.run(log);
  CHECK(onloads.names == std::vector<std::string>{"text_encoder", "transformer", "vae"});
  CHECK(log.saved.size() == 5);
}

TEST_CASE("stages take the items of a group together where they can", "[batch]") {
  BatchWorld world(tiny_on("cpu", 3));
  world.options.size = 2;
  world.add_alike(3);
  BatchLog log;
  world.run(log);
  CHECK(log.stages == std::vector<std::string>{
                          "tokenize 0", "tokenize 1", "encode_text 0 1", "tokenize 2",
                          "encode_text 2", "prepare_latents 0", "prepare_latents 1", "denoise 0 1",
                          "prepare_latents 2", "denoise 2", "decode_latents 0", "save 0",
                          "decode_latents 1", "save 1", "decode_latents 2", "save 2"});
  CHECK(std::ranges::is_sorted(log.shares));
  CHECK(log.shares.front() >= 0);
  CHECK(log.shares.back() == Catch::Approx(1.0));
}

/// Bytes to the device of one window of four requests.
std::int64_t bytes_to_device(const std::filesystem::path& model, std::int64_t size,
                             std::int64_t requests) {
  EngineOptions options = tiny_on("sim", 3);
  options.ckpt_dir = model;
  BatchWorld world(options);
  world.options.size = size;
  world.add_alike(static_cast<int>(requests));
  // Embeddings go to the device for each request: as small beside the layers as those of a model.
  for (BatchItem& item : world.items) item.request.max_sequence_length = 16;
  BatchLog log;
  const std::int64_t before = device::sim_traffic().h2d_bytes;
  world.run(log);
  REQUIRE(log.saved.size() == static_cast<std::size_t>(requests));
  return device::sim_traffic().h2d_bytes - before;
}

TEST_CASE("at level 3 four requests together take a quarter of the bytes to the device",
          "[batch]") {
  const testing::TemporaryFolder folder;
  const auto model = deep_model(fixtures() / "wan-unipc", folder / "model");
  const std::int64_t alone = bytes_to_device(model, 1, 1);
  const std::int64_t together = bytes_to_device(model, 4, 4);
  CHECK(static_cast<double>(together) / 4 < 0.27 * static_cast<double>(alone));
  // Without a shared pass every request streams all layers.
  const std::int64_t one_by_one = bytes_to_device(model, 1, 4);
  CHECK(one_by_one > 3 * together);
}

TEST_CASE("an item that fails does not stop the others, and keeps its latents", "[batch]") {
  BatchWorld world(tiny_on("cpu", GENERATE(0, 3)));
  world.options.size = 2;
  world.add_alike(3);
  struct Breaker : BatchLog {
    void stage_begin(std::string_view stage, std::span<const std::size_t> items) override {
      if (stage == "decode_latents" && items[0] == 1) std::filesystem::remove_all(folder);
      BatchLog::stage_begin(stage, items);
    }
    std::filesystem::path folder;
  } log;
  log.folder = world.items[1].output.dir;
  CHECK(world.run(log) == BatchEnd::finished);
  CHECK(log.saved.size() == 2);
  REQUIRE(log.failed.size() == 1);
  CHECK_THAT(log.errors.at(1), ContainsSubstring("stage save: ") &&
                                   ContainsSubstring("cannot write: No such file or directory"));
  const auto latents = log.failed.at(1).latents;
  CHECK(latents == world.options.spill_dir / "job1.latents.safetensors");
  CHECK(names_in(world.options.spill_dir) == std::set<std::string>{"job1.latents.safetensors"});

  // The next window decodes it, and leaves the latents to their owner.
  std::filesystem::create_directories(log.folder);
  BatchItem again = world.items[1];
  again.latents = latents;
  BatchLog second;
  Onloads onloads;
  world.options.observers = {&onloads};
  world.engine.generate_batch(std::vector{again}, world.options, second);
  CHECK(second.saved.size() == 1);
  CHECK(second.stages == std::vector<std::string>{"decode_latents 0", "save 0"});
  CHECK(world.made(1) == mixed_alone()[1]);
  CHECK(std::filesystem::exists(latents));
}

TEST_CASE("an item whose output cannot be written fails alone, before it is computed", "[batch]") {
  BatchWorld world(tiny_on("cpu", 3));
  world.options.size = 3;
  world.add_alike(3);
  std::string expected;
  SECTION("its folder is missing") {
    world.items[1].output.dir = world.folder / "missing";
    expected = "missing: no such folder";
  }
  SECTION("its folder takes no files") {
    world.items[1].output.dir = "/proc/self";
    expected = "output.dir=/proc/self: cannot write: ";
  }
  SECTION("a file has the name of its folder of frames") {
    write_file(world.items[1].output.dir / "frames", "x");
    expected = "frames: is not a folder, and the run makes one there";
  }
  BatchLog log;
  CHECK(world.run(log) == BatchEnd::finished);
  CHECK(log.saved.size() == 2);
  CHECK(log.latents.size() == 2);
  REQUIRE(log.failed.size() == 1);
  CHECK_THAT(log.errors.at(1), ContainsSubstring(expected));
  for (const std::string& stage : log.stages) CHECK_THAT(stage, !ContainsSubstring(" 1"));
  CHECK(world.made(0) == mixed_alone()[0]);
  CHECK(world.made(2) == mixed_alone()[2]);
}

TEST_CASE("an output that is blocked while the window goes on fails its item alone", "[batch]") {
  BatchWorld world(tiny_on("cpu", 3));
  world.options.size = 2;
  world.add_alike(2);
  struct Blocker : BatchLog {
    void stage_end(std::string_view stage, std::span<const std::size_t> items) override {
      if (stage == at && items.back() == 1) write_file(path, "x");
    }
    std::string at;
    std::filesystem::path path;
  } log;
  log.path = world.items[1].output.dir / "frames";
  bool keeps = false;
  SECTION("before it is sampled") { log.at = "encode_text"; }
  SECTION("before it is decoded") {
    log.at = "denoise";
    keeps = true;
  }
  CHECK(world.run(log) == BatchEnd::finished);
  CHECK(log.saved.size() == 1);
  REQUIRE(log.failed.size() == 1);
  CHECK_THAT(log.errors.at(1), ContainsSubstring("frames: is not a folder"));
  CHECK(log.failed.at(1).latents.empty() != keeps);
  CHECK(names_in(world.options.spill_dir).size() == (keeps ? 1 : 0));
  CHECK(world.made(0) == mixed_alone()[0]);
}

TEST_CASE("latents that are not finite fail their item alone", "[batch]") {
  BatchWorld world(tiny_on("cpu", 3));
  world.options.size = 3;
  world.add_alike(3);
  world.items[1].request.guidance_scale = 1e38;
  BatchLog log;
  world.run(log);
  CHECK(log.saved.size() == 2);
  REQUIRE(log.failed.size() == 1);
  CHECK_THAT(log.errors.at(1), ContainsSubstring("stage denoise: ") &&
                                   ContainsSubstring("request.guidance_scale below"));
  CHECK(log.failed.at(1).latents.empty());
  CHECK(world.made(0) == mixed_alone()[0]);
  CHECK(world.made(2) == mixed_alone()[2]);
}

TEST_CASE("a window pauses between items, with what they have reached on disk", "[batch]") {
  BatchWorld world(tiny_on("cpu", 2));
  world.add_alike(3);
  std::stop_source pause;
  struct Pauser : BatchLog {
    explicit Pauser(std::stop_source& on) : source(on) {}
    void latents_kept(std::size_t item, const std::filesystem::path& path) override {
      BatchLog::latents_kept(item, path);
      if (item == 1) source.request_stop();
    }
    std::stop_source& source;
  } log(pause);
  world.options.pause = pause.get_token();
  CHECK(world.run(log) == BatchEnd::paused);
  CHECK(log.saved.empty());
  CHECK(log.stages.back() == "denoise 1");
  CHECK(names_in(world.options.spill_dir) ==
        std::set<std::string>{"job0.latents.safetensors", "job1.latents.safetensors"});
  for (const auto* component : world.engine.components())
    if (component->name() == "text_encoder") CHECK_FALSE(component->onloaded());

  world.options.pause = {};
  world.items[0].latents = log.latents.at(0);
  world.items[1].latents = log.latents.at(1);
  BatchLog rest;
  CHECK(world.run(rest) == BatchEnd::finished);
  CHECK(rest.stages.front() == "tokenize 2");
  for (std::size_t item = 0; item < 3; ++item) CHECK(world.made(item) == mixed_alone()[item]);
}

TEST_CASE("a window that is stopped ends within a step and keeps latents", "[batch]") {
  BatchWorld world(tiny_on("sim", 3));
  world.add_alike(2);
  std::stop_source stop;
  struct Stopper final : graph::Observer {
    explicit Stopper(std::stop_source& on) : source(on) {}
    void step_begin(int index, int) override {
      if (index == 1 && ++steps == 2) source.request_stop();
    }
    std::stop_source& source;
    int steps = 0;
  } stopper(stop);
  world.options.stop = stop.get_token();
  world.options.observers = {&stopper};
  BatchLog log;
  CHECK_THROWS_AS(world.run(log), Interrupted);
  CHECK(names_in(world.options.spill_dir) == std::set<std::string>{"job0.latents.safetensors"});
  CHECK(device::memory_use(device::resolve("sim")).allocated_bytes == 0);
}

TEST_CASE("an exception from an observer ends the window", "[batch]") {
  BatchWorld world(tiny_on("cpu", 3));
  world.add_alike(2);
  struct Thrower : BatchLog {
    void progress(double) override { throw Error("enough"); }
  } log;
  CHECK_THROWS_WITH(world.run(log), "enough");
  CHECK(log.failed.empty());
}

TEST_CASE("values that exceed the spill limit are refused before the work begins", "[batch]") {
  BatchWorld world(tiny_on("cpu", 3));
  world.add_alike(4);
  world.options.spill_limit_bytes = 2 * 65536;
  BatchLog log;
  CHECK_THROWS_WITH(world.run(log), ContainsSubstring("batch.spill_limit=128.0 KiB: ") &&
                                        ContainsSubstring(" of 4 requests takes ") &&
                                        ContainsSubstring("or more, or batch.window="));
  CHECK(log.stages.empty());
  CHECK(std::filesystem::is_empty(world.options.spill_dir));
}

TEST_CASE("a disk that is full is refused before the work, or ends the window", "[batch]") {
  BatchWorld world(tiny_on("cpu", 3));
  world.add_alike(2);
  BatchLog log;
  SECTION("before") {
    const io::FullDisk full(4096);
    CHECK_THROWS_WITH(world.run(log), ContainsSubstring("batch.spill_dir=") &&
                                          ContainsSubstring(": cannot reserve "));
    CHECK(log.stages.empty());
  }
  SECTION("while latents are written") {
    struct Filler : BatchLog {
      void stage_end(std::string_view stage, std::span<const std::size_t> items) override {
        if (stage == "denoise" && items[0] == 1) full.emplace(0);
      }
      std::optional<io::FullDisk> full;
    } filler;
    CHECK_THROWS_WITH(world.run(filler),
                      ContainsSubstring("job1.latents.safetensors: cannot write: "));
    filler.full.reset();
    CHECK(names_in(world.options.spill_dir) == std::set<std::string>{"job0.latents.safetensors"});
  }
}

TEST_CASE("items that cannot work are refused by name before the work begins", "[batch]") {
  BatchWorld world(tiny_on("cpu", 3));
  world.add_alike(2);
  BatchLog log;
  std::string expected;
  SECTION("no folder") {
    world.items[1].output.dir.clear();
    expected = "job1: output.dir: expected a folder that exists, for the media; got none";
  }
  SECTION("a size that the model cannot do") {
    world.items[0].request.width = 33;
    expected = "job0: request.width=33: expected a multiple of 16, the nearest being 32 or 48";
  }
  SECTION("a spill folder that is not there") {
    world.options.spill_dir = world.folder / "missing";
    expected = "missing: no such folder";
  }
  SECTION("no size") {
    world.options.size = 0;
    expected = "batch.size=0: expected 1 or more";
  }
  SECTION("two of one name") {
    world.items[1].name = "job0";
    expected = "two items are named job0";
  }
  SECTION("latents that are none") {
    world.items[1].latents = fixtures() / "guided.safetensors";
    expected = "guided.safetensors: holds no latents that chitu has kept";
  }
  CHECK_THROWS_WITH(world.run(log), ContainsSubstring(expected));
  CHECK(log.stages.empty());
}

}  // namespace
}  // namespace chitu::pipelines
