#include <ATen/ATen.h>

#include "chitu_core/io/safetensors.h"
#include "pipelines/spill/latents_file.h"
#include "tests/io/full_disk.h"
#include "tests/pipelines/batch_world.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;
namespace fs = std::filesystem;

/// A run whose saving fails: its folder is gone by then, all but the latents, which are moved out.
struct FailedRun {
  explicit FailedRun(Engine& engine, const PartialRequest& partial = small_request())
      : request(engine.complete(partial)) {
    output.formats = {OutputFormat::frames};
    output.dir = folder / "media";
    fs::create_directories(output.dir);
    Engine::RunOptions options;
    options.latents_kept = [&](const fs::path& kept) {
      latents = folder / "kept.safetensors";
      fs::copy_file(kept, latents);
    };
    struct Breaker final : graph::Observer {
      void stage_begin(std::string_view stage) override {
        if (stage == "save") throw InputError("no room");
      }
    } breaker;
    options.observers = {&breaker};
    try {
      engine.generate(request, output, options);
      FAIL("expected an error");
    } catch (const std::exception& error) {
      text = explain(error);
    }
  }

  testing::TemporaryFolder folder;
  Request request;
  Output output;
  fs::path latents;
  std::string text;
};

std::map<std::string, std::string> media_of(Engine& engine, const Request& request) {
  const testing::TemporaryFolder folder;
  Output output;
  output.formats = {OutputFormat::frames};
  output.dir = folder / "media";
  fs::create_directories(output.dir);
  engine.generate(request, output);
  return files_in(output.dir);
}

TEST_CASE("a run keeps its latents until the media are saved", "[latents]") {
  Engine engine(tiny_on("cpu", GENERATE(0, 3)));
  FailedRun failed(engine);
  CHECK_THAT(failed.text, ContainsSubstring("no room"));
  CHECK(fs::exists(failed.output.dir / "latents.safetensors"));
  CHECK(read_file(failed.latents) == read_file(failed.output.dir / "latents.safetensors"));
  engine.generate(failed.request, failed.output);
  CHECK_FALSE(fs::exists(failed.output.dir / "latents.safetensors"));
}

TEST_CASE("latents that were kept decode to the media of the run, on any device and level",
          "[latents]") {
  Engine first = open_engine("wan-unipc");
  const FailedRun failed(first);
  const std::string device = GENERATE("cpu", "sim");
  Engine engine(tiny_on(device, GENERATE(0, 1, 3)));
  CHECK(engine.latents_request(failed.latents) == failed.request);
  Onloads onloads;
  Engine::RunOptions options;
  options.observers = {&onloads};
  const auto files = engine.decode(failed.latents, failed.output, options);
  CHECK(files == std::vector{failed.output.dir / "frames"});
  CHECK(onloads.names == std::vector<std::string>{"vae"});
  auto made = files_in(failed.output.dir);
  made.erase("latents.safetensors");
  CHECK(made == media_of(first, failed.request));
}

TEST_CASE("a disk too full for the latents costs a warning, not the run", "[latents]") {
  Engine engine(tiny_on("cpu", 0));
  const testing::TemporaryFolder folder;
  Output output;
  output.formats = {OutputFormat::frames};
  output.dir = folder / "media";
  fs::create_directories(output.dir);
  struct Full final : graph::Observer {
    void stage_end(std::string_view stage) override {
      if (stage == "denoise") disk.emplace(16);
    }
    void stage_begin(std::string_view stage) override {
      if (stage == "decode_latents") disk.reset();
    }
    std::optional<io::FullDisk> disk;
  } full;
  Engine::RunOptions options;
  options.observers = {&full};
  bool kept = false;
  options.latents_kept = [&](const fs::path&) { kept = true; };
  CHECK(engine.generate(engine.complete(small_request()), output, options).size() == 1);
  CHECK_FALSE(kept);
}

TEST_CASE("latents of another model, or damaged ones, are refused in one line", "[latents]") {
  Engine engine(tiny_on("cpu", 0));
  FailedRun failed(engine);
  const auto refused = [&](Engine& by, const fs::path& file, const std::string& text) {
    CHECK_THROWS_WITH(by.latents_request(file),
                      ContainsSubstring(file.string() + ": ") && ContainsSubstring(text));
    CHECK_THROWS_AS(by.decode(file, failed.output, {}), InputError);
  };
  SECTION("other weights of the decoder") {
    const testing::TemporaryFolder folder;
    fs::copy(fixtures() / "wan-unipc", folder / "model", fs::copy_options::recursive);
    fs::path weights;
    for (const auto& entry : fs::directory_iterator(folder / "model" / "vae"))
      if (entry.path().extension() == ".safetensors") weights = entry.path();
    std::vector<std::pair<std::string, at::Tensor>> tensors;
    {
      const io::SafetensorsFile file(weights);
      for (const auto& info : file.tensors())
        tensors.emplace_back(info.name, file.tensor(info.name).clone().mul_(1.5));
    }
    fs::remove(weights);
    io::write_safetensors(weights, tensors);
    EngineOptions options = tiny_on("cpu", 0);
    options.ckpt_dir = folder / "model";
    Engine other(options);
    refused(other, failed.latents,
            "is not the one these latents were made for; expected that of model.ckpt_dir=" +
                (fixtures() / "wan-unipc").string());
  }
  SECTION("cut short") {
    fs::resize_file(failed.latents, fs::file_size(failed.latents) - 4);
    refused(engine, failed.latents, "");
  }
  SECTION("another file") {
    refused(engine, fixtures() / "guided.safetensors", "holds no latents that chitu has kept");
  }
  SECTION("none") { refused(engine, failed.folder / "none", "No such file"); }
  SECTION("another shape than the request's") {
    const LatentsFile file(failed.latents);
    graph::StoredValue values = file.values();
    for (auto& [name, tensor] : values.tensors) tensor = tensor.narrow(4, 0, 2).contiguous();
    LatentsFile::write(failed.latents, values, file.origin());
    refused(engine, failed.latents, "but 32x32 with 5 frames has [1, ");
  }
}

TEST_CASE("a file of latents has the size that is predicted", "[latents]") {
  Engine engine(tiny_on("cpu", 0));
  const FailedRun failed(engine);
  const LatentsFile file(failed.latents);
  CHECK(LatentsFile::size_bytes(file.values(), file.origin()) ==
        static_cast<std::int64_t>(fs::file_size(failed.latents)));
}

}  // namespace
}  // namespace chitu::pipelines
