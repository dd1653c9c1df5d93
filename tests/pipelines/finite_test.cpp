#include <ATen/ATen.h>

#include <limits>

#include "chitu_core/common/error.h"
#include "tests/pipelines/edited_model.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

/// Message and exit code of a run of the model.
std::pair<std::string, int> failure_of(const EngineOptions& options,
                                       const PartialRequest& request) {
  const testing::TemporaryFolder folder;
  try {
    Engine engine(options);
    engine.generate(engine.complete(request), {.dir = folder.path()});
  } catch (const std::exception& error) {
    return {explain(error), exit_code(error)};
  }
  return {"no failure", 0};
}

void put(const EditedModel& model, const std::string& file, const std::string& name, double value) {
  model.edit_weights(file, [&](EditedModel::Tensors& tensors) {
    for (auto& [tensor_name, tensor] : tensors)
      if (tensor_name == name) tensor.view({-1})[0] = value;
  });
}

TEST_CASE("numbers that are not finite end a run, with the stage and the step that made them",
          "[pipelines]") {
  const double bad =
      GENERATE(std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity());
  const EditedModel model;
  auto options = model.options();
  options.device = GENERATE("cpu", "sim");
  options.memory.low_mem_level = GENERATE(0, 3);
  std::string expected;
  SECTION("of the text encoder") {
    put(model, "text_encoder/model.safetensors", "encoder.final_layer_norm.weight", bad);
    expected =
        "stage encode_text: the prompt embeddings are not finite (NaN or infinity): check that the "
        "weights of the text_encoder, in the checkpoint and in LoRAs, are finite";
  }
  SECTION("of the transformer") {
    put(model, "transformer/diffusion_pytorch_model.safetensors", "proj_out.bias", bad);
    expected = "stage denoise: step 1 of 2: the latents are not finite (NaN or infinity): ";
  }
  SECTION("of the vae, also where clamping would hide them") {
    put(model, "vae/diffusion_pytorch_model.safetensors", "decoder.conv_out.bias", bad);
    expected = "stage decode_latents: the frames are not finite (NaN or infinity): ";
  }
  const auto [text, code] = failure_of(options, small_request());
  CHECK_THAT(text, Catch::StartsWith(expected));
  CHECK(code == exit_codes::kFailed);
}

TEST_CASE("the error says what may help, with its key", "[pipelines]") {
  const EditedModel model;
  auto options = model.options();
  auto request = small_request();
  put(model, "transformer/diffusion_pytorch_model.safetensors", "proj_out.bias",
      std::numeric_limits<double>::quiet_NaN());
  SECTION("a wider dtype") {
    options.dtype = "float16";
    CHECK_THAT(failure_of(options, request).first,
               ContainsSubstring("the transformer computes in float16, whose largest number is "
                                 "65504; infer.dtype=bfloat16 or float32 may help"));
  }
  SECTION("the shift and the guidance that were asked for") {
    request.flow_shift = 12;
    CHECK_THAT(failure_of(options, request).first,
               ContainsSubstring("or request.flow_shift nearer to the checkpoint's than 12; or "
                                 "request.guidance_scale below 5"));
  }
}

TEST_CASE("a later step is named, too", "[pipelines]") {
  // Numbers grow from step to step until they overflow float32.
  const EditedModel model;
  put(model, "transformer/diffusion_pytorch_model.safetensors", "proj_out.bias", 2e38);
  auto request = small_request();
  request.guidance_scale = 1;
  request.num_inference_steps = 8;
  const auto [text, code] = failure_of(model.options(), request);
  CHECK_THAT(text, Catch::Matchers::Matches(".*step [1-8] of 8: the latents are not finite.*"));
  CHECK(code == exit_codes::kFailed);
}

TEST_CASE("embeddings that are not finite are not cached", "[pipelines]") {
  const EditedModel model;
  put(model, "text_encoder/model.safetensors", "encoder.final_layer_norm.weight",
      std::numeric_limits<double>::quiet_NaN());
  auto options = model.options();
  options.prompt_cache = model.folder / "cache";
  CHECK(failure_of(options, small_request()).second == exit_codes::kFailed);
  std::error_code no_folder;  // nothing was stored
  for (const auto& entry : std::filesystem::directory_iterator(options.prompt_cache, no_folder))
    CHECK(entry.path().extension() != ".safetensors");
}

TEST_CASE("a schedule that is not finite is refused before any work, with the key that causes it",
          "[pipelines]") {
  const EditedModel model;
  auto request = small_request();
  const auto refused = [&](const std::string& expected) {
    Engine engine(model.options());
    CHECK_THROWS_AS(engine.complete(request), InputError);
    CHECK_THROWS_WITH(engine.complete(request), ContainsSubstring(expected));
  };
  SECTION("a flow_shift far too small") {
    request.flow_shift = 1e-30;
    refused("request.flow_shift=1e-30: gives a schedule with numbers that are not finite; 1e-");
  }
  SECTION("a flow_shift far too large") {
    request.flow_shift = 1e30;
    refused("request.flow_shift=1e+30: gives a schedule with numbers that are not finite; ");
  }
  SECTION("one step where the last sigma is fixed") {
    model.edit("scheduler/scheduler_config.json", [](auto& json) { json["shift_terminal"] = 0.1; });
    request.num_inference_steps = 1;
    refused(
        "request.num_inference_steps=1: gives a schedule with numbers that are not finite with " +
        (model.path() / "scheduler" / "scheduler_config.json").string() + "; 2 works");
  }
  SECTION("more steps than the scheduler was trained with") {
    request.num_inference_steps = 1001;
    refused("request.num_inference_steps: expected 1 to 1000, got 1001");
  }
}

TEST_CASE("the flow_shift that an error suggests works", "[pipelines]") {
  const EditedModel model;
  Engine engine(model.options());
  auto request = small_request();
  for (const double shift : {1e-30, 1e-300, 1e30, std::numeric_limits<double>::infinity()}) {
    request.flow_shift = shift;
    try {
      engine.complete(request);
      FAIL("not refused");
    } catch (const InputError& error) {
      const std::string text = error.what();
      const auto start = text.rfind("; ") + 2;
      request.flow_shift = std::stod(text.substr(start));
      CHECK_NOTHROW(engine.complete(request));
    }
  }
}

}  // namespace
}  // namespace chitu::pipelines
