#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/engine.h"
#include "pipelines/forecast/forecaster.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;
using Catch::ContainsSubstring;

/// The committed tiny checkpoint and the results of diffusers with it
/// (tools/fixtures/qwen_image.py).
fs::path fixture(const std::string& name) {
  return fs::path(CHITU_TEST_DATA) / "qwen_image" / name;
}

PartialRequest recorded_request(const std::string& name) {
  const auto json = io::read_json(fixture(name + ".json"));
  PartialRequest request;
  request.prompt = json.at("prompt");
  if (!json.at("negative_prompt").is_null())
    request.negative_prompt = json.at("negative_prompt").get<std::string>();
  request.width = json.at("width");
  request.height = json.at("height");
  request.num_inference_steps = json.at("num_inference_steps");
  request.guidance_scale = json.at("guidance_scale");
  request.seed = json.at("seed");
  return request;
}

using Tensors = std::map<std::string, at::Tensor>;

Tensors tensors_of(const fs::path& path) {
  const io::SafetensorsFile file(path);
  Tensors tensors;
  for (const io::TensorInfo& tensor : file.tensors())
    tensors[tensor.name] = file.tensor(tensor.name).clone();
  return tensors;
}

Tensors dump_of(EngineOptions options, const PartialRequest& request, Engine::RunOptions run = {}) {
  const c10::InferenceMode inference;
  const testing::TemporaryFolder folder;
  Engine engine(std::move(options));
  run.dump_tensors = folder / "dump.safetensors";
  engine.generate(engine.complete(request), {}, run);
  return tensors_of(run.dump_tensors);
}

double relative_error(const at::Tensor& expected, const at::Tensor& got) {
  const at::Tensor a = expected.to(at::kDouble), b = got.to(at::kDouble);
  return (a - b).norm().item<double>() / a.norm().item<double>();
}

TEST_CASE("Qwen-Image gives the results of diffusers, step by step", "[parity]") {
  const std::string name = GENERATE("guided", "empty_negative", "no_negative", "long_prompt");
  CAPTURE(name);
  const Tensors got = dump_of(options_for(fixture("model")), recorded_request(name));
  for (const auto& [tensor, expected] : tensors_of(fixture(name + ".safetensors"))) {
    CAPTURE(tensor);
    REQUIRE(got.contains(tensor));
    at::Tensor mine = got.at(tensor);
    if (tensor == "prompt_embeds")
      mine = mine.narrow(1, mine.size(1) - expected.size(1), expected.size(1));
    if (tensor == "frames")
      CHECK((mine.to(at::kInt) - expected.to(at::kInt)).abs().max().item<int>() <= 1);
    else
      CHECK(relative_error(expected, mine) < 2e-5);
  }
  CHECK(got.contains("step_000.noise_pred_uncond") ==
        (name == "guided" || name == "empty_negative"));
}

TEST_CASE("Qwen-Image gives the same bits at every level, on the CPU and on a device",
          "[pipelines]") {
  const PartialRequest request = recorded_request("guided");
  const Tensors expected = dump_of(options_for(fixture("model")), request);
  for (const char* device : {"cpu", "sim"})
    for (int level = 0; level < 4; ++level) {
      CAPTURE(device, level);
      const Tensors got = dump_of(options_for(fixture("model"), device, level), request);
      CHECK(got.at("final_latents").equal(expected.at("final_latents")));
      CHECK(got.at("prompt_embeds").equal(expected.at("prompt_embeds")));
    }
}

TEST_CASE("one guidance branch after the other gives the same bits", "[pipelines]") {
  EngineOptions apart = options_for(fixture("model"));
  apart.memory.guidance_interleave = false;
  const PartialRequest request = recorded_request("guided");
  CHECK(dump_of(apart, request)
            .at("final_latents")
            .equal(dump_of(options_for(fixture("model")), request).at("final_latents")));
}

TEST_CASE("exact tiles of a picture equal a whole decode to 120 dB", "[pipelines]") {
  PartialRequest request = recorded_request("guided");
  request.width = request.height = 96;
  EngineOptions tiled = options_for(fixture("model"));
  tiled.memory.vae_tile_latents = 8;
  const at::Tensor whole = dump_of(options_for(fixture("model")), request).at("decoded");
  const at::Tensor tiles = dump_of(tiled, request).at("decoded");
  const double error = (whole - tiles).to(at::kDouble).square().mean().item<double>();
  CHECK(10 * std::log10(4.0 / error) > 120);
}

/// Loads of components, and which layers computed.
struct Log final : graph::Observer {
  void component_onloaded(std::string_view name, std::int64_t) override {
    events.push_back("+" + std::string(name));
  }
  void component_offloaded(std::string_view name) override {
    events.push_back("-" + std::string(name));
  }
  void layer_begin(std::string_view name, std::int64_t) override { ++layers[std::string(name)]; }
  std::vector<std::string> events;
  std::map<std::string, int> layers;
};

TEST_CASE("the modulation is computed once for all steps, before the transformer comes",
          "[pipelines]") {
  Log log;
  Engine::RunOptions run;
  run.observers = {&log};
  const int level = GENERATE(1, 2, 3);
  dump_of(options_for(fixture("model"), "sim", level), recorded_request("guided"), run);
  CHECK(log.layers ==
        std::map<std::string, int>{{"text_encoder", 2}, {"modulation", 2}, {"transformer", 2 * 4}});
  const auto at = [&](const char* event) { return std::ranges::find(log.events, event); };
  REQUIRE(at("+transformer") != log.events.end());
  CHECK(at("-modulation") < at("+transformer"));
}

TEST_CASE("a tokenizer that model.files gives stands for the checkpoint's", "[pipelines]") {
  const testing::TemporaryFolder folder;
  fs::copy(fixture("model"), folder / "model", fs::copy_options::recursive);
  fs::rename(folder / "model/tokenizer", folder / "words");
  EngineOptions options = options_for(folder / "model");
  options.files["tokenizer"] = folder / "words";
  const PartialRequest request = recorded_request("guided");
  CHECK(dumped(options, request, "input_ids")
            .equal(dumped(options_for(fixture("model")), request, "input_ids")));
}

TEST_CASE("requests that Qwen-Image does not support are refused", "[pipelines]") {
  const Engine engine(options_for(fixture("model")));
  const auto refused = [&](auto change, const std::string& message) {
    PartialRequest request = recorded_request("guided");
    change(request);
    CHECK_THROWS_WITH(engine.complete(request), ContainsSubstring(message));
  };
  refused([](auto& r) { r.width = 40; },
          "request.width=40: expected a multiple of 16, the nearest being 32 or 48");
  refused([](auto& r) { r.height = 8; }, "request.height=8: expected a multiple of 16");
  refused([](auto& r) { r.width = 1 << 20; }, "request.width=1048576: expected at most 98304");
  refused([](auto& r) { r.num_frames = 5; },
          "request.num_frames=5: expected 1: this model makes pictures");
  refused([](auto& r) { r.guidance_scale_2 = 3; }, "request.guidance_scale_2=3: expected null");
  refused([](auto& r) { r.image = "a.png"; }, "request.image=a.png: expected null");
  refused([](auto& r) { r.flow_shift = 3; },
          "request.flow_shift: the checkpoint's scheduler shifts");
  refused([](auto& r) { r.max_sequence_length = 1025; },
          "request.max_sequence_length=1025: expected 1 to 1024");
  refused([](auto& r) { r.num_inference_steps = 1; },
          "request.num_inference_steps=1: gives a schedule with numbers that are not finite");
}

}  // namespace
}  // namespace chitu::pipelines
