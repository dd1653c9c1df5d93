#include "pipelines/model_folder.h"

#include <fstream>
#include <functional>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "pipelines/engine.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

/// A copy of the tiny checkpoint that a test may damage.
struct DamagedModel {
  explicit DamagedModel(const std::string& model = "wan-unipc") {
    fs::copy(fixtures() / model, path(), fs::copy_options::recursive);
  }
  fs::path path() const { return folder / "model"; }
  void edit(const std::string& file, const std::function<void(nlohmann::json&)>& change) const {
    auto json = nlohmann::json::parse(read_file(path() / file));
    change(json);
    write_file(path() / file, json.dump());
  }
  void open() const {
    EngineOptions options;
    options.ckpt_dir = path();
    options.device = "cpu";
    Engine engine(options);
  }
  testing::TemporaryFolder folder;
};

TEST_CASE("a checkpoint that cannot work is refused before anything runs", "[pipelines]") {
  const DamagedModel model;
  std::string expected;
  SECTION("no folder") {
    fs::remove_all(model.path());
    expected = "model.ckpt_dir=" + model.path().string() + ": no such folder";
  }
  SECTION("no model_index.json") {
    fs::remove(model.path() / "model_index.json");
    expected = "has no model_index.json";
  }
  SECTION("another pipeline") {
    model.edit("model_index.json", [](auto& json) { json["_class_name"] = "FluxPipeline"; });
    expected = "_class_name: FluxPipeline is not supported, expected one of WanPipeline";
  }
  SECTION("another transformer") {
    model.edit("model_index.json",
               [](auto& json) { json["transformer"][1] = "WanVACETransformer3DModel"; });
    expected = "transformer: expected WanTransformer3DModel, got WanVACETransformer3DModel";
  }
  SECTION("the second transformer of Wan 2.2") {
    model.edit("model_index.json", [](auto& json) {
      json["transformer_2"] = {"diffusers", "WanTransformer3DModel"};
    });
    expected = "transformer_2: not supported, expected a Wan 2.1 text-to-video checkpoint";
  }
  SECTION("the boundary of Wan 2.2") {
    model.edit("model_index.json", [](auto& json) { json["boundary_ratio"] = 0.875; });
    expected = "boundary_ratio: not supported";
  }
  SECTION("a component that is not there") {
    fs::remove_all(model.path() / "vae");
    expected = "vae: no such folder, but model_index.json names it";
  }
  SECTION("an unknown scheduler") {
    model.edit("scheduler/scheduler_config.json",
               [](auto& json) { json["_class_name"] = "DDIMScheduler"; });
    expected = "DDIMScheduler";
  }
  SECTION("weights of another shape") {
    model.edit("transformer/config.json", [](auto& json) { json["ffn_dim"] = 60; });
    expected = "tensor blocks.0.ffn.net.0.proj.weight: expected shape [60, 40], got [56, 40]";
  }
  SECTION("a file that ends too early") {
    const auto file = model.path() / "vae" / "diffusion_pytorch_model.safetensors";
    fs::resize_file(file, fs::file_size(file) - 10);
    expected = file.string();
  }
  SECTION("weights that are missing") {
    fs::remove(model.path() / "transformer" / "diffusion_pytorch_model.safetensors");
    expected = (model.path() / "transformer").string();
  }
  SECTION("components of different models") {
    model.edit("text_encoder/config.json", [](auto& json) { json["vocab_size"] = 10; });
    expected = "shared.weight";
  }
  CHECK_THROWS_AS(model.open(), InputError);
  CHECK_THROWS_WITH(model.open(), ContainsSubstring(expected));
}

TEST_CASE("generation_config.json fills what a request leaves open", "[pipelines]") {
  const DamagedModel model;
  const auto write = [&](const std::string& text) {
    write_file(model.path() / "generation_config.json", text);
  };
  write(R"({"width": 64, "num_frames": 9, "guidance_scale": 3})");
  const auto folder = ModelFolder::open(model.path());
  const auto defaults = folder.request_defaults({832, 480, 81, 50, 5.0, 16});
  CHECK(defaults.width == 64);
  CHECK(defaults.height == 480);
  CHECK(defaults.num_frames == 9);
  CHECK(defaults.guidance_scale == 3.0);
  write(R"({"widht": 64})");
  CHECK_THROWS_WITH(folder.request_defaults({}),
                    ContainsSubstring("widht: unknown key, did you mean width?"));
}

}  // namespace
}  // namespace chitu::pipelines
