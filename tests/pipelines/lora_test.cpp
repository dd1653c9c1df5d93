#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/model/request_json.h"
#include "pipelines/run_checker.h"
#include "tests/pipelines/edited_model.h"
#include "tests/pipelines/lora_files.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

constexpr double kTolerance = 1e-4;

EngineOptions with_loras(const std::vector<LoraChoice>& loras, const std::string& device = "cpu",
                         int level = 0) {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = device;
  options.dtype = "float32";
  options.memory.low_mem_level = level;
  options.loras = loras;
  return options;
}

at::Tensor latents_of(const EngineOptions& options) {
  return dumped(options, small_request(), "final_latents");
}

double distance(const at::Tensor& a, const at::Tensor& b) {
  return (a - b).norm().item<double>() / b.norm().item<double>();
}

/// A file of rank 3 for every matrix of the blocks.
struct LoraFixture {
  explicit LoraFixture(LoraSpelling spelling = LoraSpelling::peft) {
    write_lora(file(), matrices, spelling);
  }
  std::filesystem::path file() const { return folder / "lora.safetensors"; }
  testing::TemporaryFolder folder;
  std::vector<LoraMatrices> matrices = random_lora("wan-unipc", 3);
};

/// Latents of a checkpoint whose weights have been changed as the LoRA says.
at::Tensor merged(const std::vector<LoraMatrices>& lora, double scale) {
  const EditedModel model;
  model.edit_weights("transformer/diffusion_pytorch_model.safetensors", [&](auto& tensors) {
    std::map<std::string, at::Tensor> changes;
    for (const LoraMatrices& each : lora)
      changes[each.layer + ".weight"] = at::mm(each.up, each.down) * (2 * scale);
    for (auto& [name, tensor] : tensors)
      if (changes.contains(name)) tensor = tensor.to(at::kFloat) + changes[name];
  });
  return model.run("final_latents");
}

TEST_CASE("a LoRA changes weights as merging it would, however its file spells names",
          "[pipelines][lora]") {
  const auto spelling = GENERATE(LoraSpelling::peft, LoraSpelling::original, LoraSpelling::kohya);
  const LoraFixture lora(spelling);
  const double scale = GENERATE(1.0, 0.5);
  const at::Tensor changed = latents_of(with_loras({{lora.file(), scale}}));
  CHECK(distance(changed, merged(lora.matrices, scale)) < kTolerance);
  CHECK(distance(changed, latents_of(with_loras({}))) > 100 * kTolerance);
}

TEST_CASE("a merged LoRA changes weights as adding it does, with the same bits at every level",
          "[pipelines][lora]") {
  const LoraFixture lora;
  auto options = with_loras({{lora.file(), 0.5}, {lora.file(), 0.25}});
  options.lora_mode = LoraMode::merge;
  const at::Tensor expected = latents_of(options);
  CHECK(distance(expected, merged(lora.matrices, 0.75)) < kTolerance);
  CHECK(distance(expected, latents_of(with_loras({}))) > 100 * kTolerance);
  for (const char* device : {"cpu", "sim"})
    for (int level = 0; level <= 3; ++level) {
      CAPTURE(device, level);
      options.device = device;
      options.memory.low_mem_level = level;
      CHECK(at::equal(latents_of(options), expected));
    }
}

TEST_CASE("a merged LoRA is part of weights that rest in float8, in host memory or on disk",
          "[pipelines][lora]") {
  const LoraFixture lora;
  auto options = with_loras({{lora.file()}}, "sim", 3);
  options.lora_mode = LoraMode::merge;
  const auto rest = [&](memory::Place place) {
    const memory::WeightState state{place, memory::StateDtype::float8_e4m3fn};
    options.memory.states[memory::Role::transformer] = {.offload = state, .onload = state};
    return latents_of(options);
  };
  const at::Tensor on_disk = rest(memory::Place::disk);
  CHECK(at::equal(rest(memory::Place::cpu), on_disk));
  CHECK(distance(on_disk, merged(lora.matrices, 1)) < 0.1);  // float8 rounds
  CHECK(distance(on_disk, latents_of(with_loras({}))) >
        2 * distance(on_disk, merged(lora.matrices, 1)));
}

TEST_CASE("an engine that has switched LoRAs 20 times gives the bits of a fresh one",
          "[pipelines][lora]") {
  const LoraFixture one;
  const testing::TemporaryFolder folder;
  write_lora(folder / "two.safetensors", random_lora("wan-unipc", 5), LoraSpelling::kohya);
  const std::vector<std::vector<LoraChoice>> choices{{{one.file()}},
                                                     {},
                                                     {{folder / "two.safetensors", 0.5}},
                                                     {{one.file()}, {folder / "two.safetensors"}}};
  std::vector<at::Tensor> fresh;
  for (const auto& loras : choices) fresh.push_back(latents_of(with_loras(loras)));
  const c10::InferenceMode inference;
  Engine engine(with_loras({}));
  Engine::RunOptions run;
  run.dump_tensors = folder / "dump.safetensors";
  PartialRequest partial = small_request();
  for (std::size_t i = 0; i < 20; ++i) {
    partial.loras = choices[i % choices.size()];
    engine.generate(engine.complete(partial), {}, run);
    CHECK(at::equal(io::SafetensorsFile(run.dump_tensors).tensor("final_latents"),
                    fresh[i % choices.size()]));
  }
  partial.loras = {{folder / "none.safetensors"}};
  CHECK_THROWS_WITH(engine.complete(partial), ContainsSubstring("request.loras[0].path="));
}

TEST_CASE("a complete request keeps to the contents of its LoRAs", "[pipelines][lora]") {
  const c10::InferenceMode inference;
  const testing::TemporaryFolder folder;
  const auto file = folder / "lora.safetensors";
  write_lora(file, random_lora("wan-unipc", 5), LoraSpelling::kohya);
  Engine engine(with_loras({}));
  PartialRequest partial = small_request();
  partial.loras = {{file}};
  const Request request = engine.complete(partial);
  REQUIRE(request.loras->front().contents);
  CHECK(request_from_json(to_json(request)) == request);
  partial.loras = request.loras;
  CHECK(engine.complete(partial) == request);
  write_lora(file, random_lora("wan-unipc", 6), LoraSpelling::kohya);
  CHECK_THROWS_WITH(
      engine.complete(partial),
      ContainsSubstring("request.loras[0].contents=" + *request.loras->front().contents + ": " +
                        file.string() + " is another LoRA than before"));
}

TEST_CASE("a batch of requests with different LoRAs gives each its own result, in their order",
          "[pipelines][lora]") {
  const LoraFixture lora;
  const testing::TemporaryFolder folder;
  write_lora(folder / "two.safetensors", random_lora("wan-unipc", 5), LoraSpelling::kohya);
  const std::vector<std::optional<std::vector<LoraChoice>>> choices{
      {{{lora.file()}}}, std::nullopt, {{{folder / "two.safetensors"}}}, {{{lora.file()}}}};
  Engine engine(with_loras({}));
  std::vector<Request> requests;
  std::vector<at::Tensor> expected;
  for (const auto& loras : choices) {
    PartialRequest partial = small_request();
    partial.loras = loras;
    partial.seed = requests.size();
    requests.push_back(engine.complete(partial));
    expected.push_back(engine.make_frames(requests.back(), {}).frames.frames.clone());
  }
  std::vector<at::Tensor> made(requests.size());
  double last = 0;
  FramesBatchOptions options;
  options.progress = [&](double done) {
    CHECK(done >= last);
    last = done;
  };
  options.made = [&](std::size_t index, BatchFrames frames) {
    made[index] = frames.frames.frames.clone();
  };
  engine.make_frames_batch(requests, options);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    REQUIRE(made[i].defined());
    CHECK(at::equal(made[i], expected[i]));
  }
}

TEST_CASE("LoRAs add up, and one with scale 0 changes nothing", "[pipelines][lora]") {
  const LoraFixture lora;
  const at::Tensor once = latents_of(with_loras({{lora.file(), 1}}));
  const at::Tensor halves = latents_of(with_loras({{lora.file(), 0.5}, {lora.file(), 0.5}}));
  CHECK(distance(halves, once) < kTolerance);
  CHECK(distance(latents_of(with_loras({{lora.file(), 0}})), latents_of(with_loras({}))) <
        kTolerance);
}

TEST_CASE("with a LoRA, every level gives the same bits on the CPU and on a device",
          "[pipelines][lora]") {
  const LoraFixture lora;
  const at::Tensor expected = latents_of(with_loras({{lora.file()}}));
  for (const char* device : {"cpu", "sim"})
    for (int level = 0; level <= 3; ++level) {
      CAPTURE(device, level);
      CHECK(at::equal(latents_of(with_loras({{lora.file()}}, device, level)), expected));
    }
}

TEST_CASE("differences of weights and biases are added to them", "[pipelines][lora]") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "lora.safetensors";
  const std::string block = "diffusion_model.blocks.0.";
  EditedModel model;
  NamedTensors lora;
  model.edit_weights("transformer/diffusion_pytorch_model.safetensors", [&](auto& tensors) {
    const std::map<std::string, std::string> spelled{
        {"blocks.0.ffn.net.0.proj.bias", block + "ffn.0.diff_b"},
        {"blocks.0.norm2.weight", block + "norm3.diff"},
        {"blocks.0.scale_shift_table", block + "modulation.diff"}};
    for (auto& [name, tensor] : tensors) {
      const auto found = spelled.find(name);
      if (found == spelled.end()) continue;
      const at::Tensor difference = at::rand(tensor.sizes()) * 0.3;
      lora.emplace_back(found->second, difference);
      tensor = tensor.to(at::kFloat) + difference * 0.5;
    }
  });
  REQUIRE(lora.size() == 3);
  io::write_safetensors(file, lora);
  const at::Tensor expected = model.run("final_latents");
  CHECK(distance(latents_of(with_loras({{file, 0.5}})), expected) < kTolerance);
  CHECK(at::equal(latents_of(with_loras({{file, 0.5}}, "sim", 3)),
                  latents_of(with_loras({{file, 0.5}}))));
}

TEST_CASE("a LoRA of one expert leaves the other as it is", "[pipelines][lora]") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "lora.safetensors";
  auto options = with_loras({});
  options.ckpt_dir = fixtures() / "wan-two-experts";
  const at::Tensor plain = latents_of(options);
  write_lora(file, random_lora("wan-two-experts", 2), LoraSpelling::peft, "transformer_2.");
  options.loras = {{file}};
  const at::Tensor by_prefix = latents_of(options);
  write_lora(file, random_lora("wan-two-experts", 2), LoraSpelling::original);
  options.loras = {{file, 1, "transformer_2"}};
  CHECK(distance(latents_of(options), by_prefix) < kTolerance);
  options.loras = {{file}};
  CHECK(distance(latents_of(options), by_prefix) > kTolerance);
  CHECK(distance(by_prefix, plain) > kTolerance);
}

TEST_CASE("what a LoRA has no place for is an error, unless it is not strict",
          "[pipelines][lora]") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "lora.safetensors";
  auto lora = random_lora("wan-unipc", 2);
  lora.front().layer = "blocks.7.attn1.to_q";
  write_lora(file, lora, LoraSpelling::peft);
  CHECK_THROWS_WITH(latents_of(with_loras({{file}})),
                    ContainsSubstring("lora.safetensors: 2 of its tensors have no place in the "
                                      "model: transformer.blocks.7.attn1.to_q.lora_A.weight, ") &&
                        ContainsSubstring("strict: false"));
  CHECK_NOTHROW(latents_of(with_loras({{file, 1, "", false}})));
}

TEST_CASE("a sweep's check opens each LoRA, also beside one of the same checkpoint",
          "[pipelines][lora]") {
  const LoraFixture lora;
  RunChecker checker;
  checker.check(with_loras({{lora.file()}}), small_request());
  CHECK_THROWS_WITH(checker.check(with_loras({{lora.folder / "missing"}}), small_request()),
                    ContainsSubstring("missing: expected a safetensors file, there is none"));
}

void write_one(const std::filesystem::path& file, NamedTensors tensors) {
  io::write_safetensors(file, std::move(tensors));
}

TEST_CASE("bad LoRA files get one line that names the tensor", "[pipelines][lora]") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "lora.safetensors";
  const std::string layer = "transformer.blocks.0.attn1.to_q.";
  const auto width = matrices_of("wan-unipc").front().second.size(1);
  const auto fails = [&](const std::string& expected) {
    CHECK_THROWS_WITH(latents_of(with_loras({{file}})), ContainsSubstring(expected));
  };
  fails("model.loras[0].path=" + file.string() + ": expected a safetensors file, there is none");
  write_one(file, {{layer + "lora_A.weight", at::zeros({2, width + 1})},
                   {layer + "lora_B.weight", at::zeros({width, 2})}});
  fails("lora_A.weight\": expected shape [2, ");
  write_one(file, {{layer + "lora_A.weight", at::zeros({2, width})},
                   {layer + "lora_B.weight", at::zeros({width, 3})}});
  fails("lora_B.weight\": has rank 3, but " + layer + "lora_A.weight has 2");
  write_one(file, {{layer + "lora_A.weight", at::zeros({2, width})}});
  fails("lora.safetensors: changes no layer of the model: the other matrix of " + layer +
        "lora_A.weight is missing");
  write_one(file, {{layer + "dora_scale", at::zeros({2})}});
  fails("lora.safetensors: changes no layer of the model: no place in the model for " + layer +
        "dora_scale");
  write_one(file, {{layer + "lora_A.weight", at::zeros({2, width}, at::kChar)},
                   {layer + "lora_B.weight", at::zeros({width, 2})}});
  fails("lora_A.weight\": expected a floating-point dtype, got Char");
  write_one(file, {{layer + "lora_A.weight", at::zeros({2, width})},
                   {layer + "lora_B.weight", at::zeros({width, 2})},
                   {layer + "alpha", at::full({}, std::numeric_limits<float>::infinity())}});
  fails("alpha\": expected a finite number");
  write_lora(file, random_lora("wan-unipc", 2), LoraSpelling::peft);
  CHECK_THROWS_WITH(latents_of(with_loras({{file, 1, "vae"}})),
                    ContainsSubstring("model.loras[0].component=vae: the checkpoint has no such "
                                      "transformer, expected one of transformer"));
  write_one(file, {});
  fails("lora.safetensors: changes no layer of the model: it has no tensors");
  CHECK_THROWS_WITH(latents_of(with_loras({{file, 1, "transformr"}})),
                    ContainsSubstring("model.loras[0].component=transformr") &&
                        ContainsSubstring("did you mean transformer?"));
}

}  // namespace
}  // namespace chitu::pipelines
