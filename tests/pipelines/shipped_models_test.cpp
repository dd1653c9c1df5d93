#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/memory/weights.h"
#include "pipelines/forecast/level_forecaster.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

std::filesystem::path asset(const std::string& name) {
  return std::filesystem::path(CHITU_SOURCE_DIR) / "assets" / name;
}

/// Weights of a component on the device while its layers are streamed, one ahead.
std::int64_t streamed_bytes(const Pipeline& pipeline, const std::string& name,
                            at::ScalarType dtype) {
  const auto& components = pipeline.components();
  memory::Component& component = **std::ranges::find(components, name, &memory::Component::name);
  auto& module = const_cast<memory::Module&>(component.module());
  std::int64_t outside = memory::weight_bytes(module, dtype), largest = 0;
  for (const auto& [layer_name, layer] : module.layers()) {
    const std::int64_t bytes = memory::weight_bytes(*layer, dtype);
    outside -= bytes;
    largest = std::max(largest, bytes);
  }
  module.visit_parameters([&](const std::string&, const memory::Parameter& parameter) {
    if (parameter.gathered)
      outside -= parameter.numel() * static_cast<std::int64_t>(at::elementSize(dtype));
  });
  return outside + 2 * largest;
}

TEST_CASE("the architectures that ship without weights have the published sizes", "[pipelines]") {
  const auto [name, transformer] =
      GENERATE(std::pair("wan2.1-t2v-1.3b", std::int64_t{1'418'996'800}),
               std::pair("wan2.1-t2v-14b", std::int64_t{14'288'491'584}),
               std::pair("wan2.2-t2v-a14b", std::int64_t{14'288'491'584}));
  CAPTURE(name);
  const auto pipeline = open_pipeline(asset(name), {.for_plan = true});
  std::map<std::string, std::int64_t> parameters, stored;
  for (const memory::Component* component : pipeline->components()) {
    parameters[component->name()] = component->module().parameter_count();
    stored[component->name()] = component->stored_bytes();
  }
  CHECK(parameters["transformer"] == transformer);
  CHECK(parameters.contains("transformer_2") == (name == std::string("wan2.2-t2v-a14b")));
  if (parameters.contains("transformer_2")) CHECK(parameters["transformer_2"] == transformer);
  CHECK(parameters["text_encoder"] == 5'680'910'336);
  CHECK(parameters["vae"] == 73'295'603);  // of 126,892,531 those that decode
  CHECK(stored["text_encoder"] == 22'723'641'344);

  const RequestDefaults defaults = pipeline->request_defaults();
  CHECK(defaults.width == 832);
  CHECK(defaults.num_frames == 81);
  const SizeSteps steps = pipeline->size_steps();
  CHECK(steps.width == 16);
  CHECK(steps.most_width == 16384);
  CHECK(steps.first_frames == 1);
  CHECK(steps.frames == 4);
}

TEST_CASE("Wan 14B in bfloat16 at level 3 stays below 4.5 GiB at 480p and 7.5 GiB at 720p",
          "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = asset("wan2.1-t2v-14b");
  options.device = "cuda";
  const LevelForecaster forecaster(options);
  const auto peak_gib = [&](std::int64_t width, std::int64_t height) {
    PartialRequest size;
    size.width = width;
    size.height = height;
    const Request request = complete(forecaster.pipeline(), size);
    REQUIRE(request.num_frames == 81);
    return static_cast<double>(forecaster.plan(3, request, true).forecast.peak_bytes()) / (1 << 30);
  };
  CHECK(peak_gib(832, 480) < 4.5);
  CHECK(peak_gib(1280, 720) < 7.5);
}

TEST_CASE("the architecture of Wan 2.2 TI2V 5B has the published size", "[pipelines]") {
  const auto pipeline = open_pipeline(asset("wan2.2-ti2v-5b"), {.for_plan = true});
  std::map<std::string, std::int64_t> parameters;
  for (const memory::Component* component : pipeline->components())
    parameters[component->name()] = component->module().parameter_count();
  CHECK(parameters["transformer"] == 4'999'787'712);
  CHECK(parameters["vae"] == 555'051'580);
  CHECK(pipeline->size_steps().width == 32);
  CHECK(pipeline->request_defaults().num_frames == 121);
}

TEST_CASE("Qwen-Image has the published size, and 1328x1328 fits 6 GiB at level 3", "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = asset("qwen-image");
  options.device = "cuda";
  const LevelForecaster forecaster(options);
  std::map<std::string, std::int64_t> parameters;
  for (const memory::Component* component : forecaster.pipeline().components())
    parameters[component->name()] = component->module().parameter_count();
  CHECK(parameters["transformer"] + parameters["modulation"] == 20'430'401'088);
  CHECK(parameters["text_encoder"] == 7'070'619'136);
  CHECK(parameters["vae"] == 73'295'603);

  PartialRequest partial;
  partial.negative_prompt = " ";
  const Request request = complete(forecaster.pipeline(), partial);
  CHECK(request.width == 1328);
  CHECK(request.height == 1328);
  REQUIRE(request.guided());
  constexpr double kGib = 1 << 30;
  const Forecast forecast = forecaster.plan(3, request, true).forecast;
  CHECK(static_cast<double>(forecast.peak_bytes()) / kGib < 6);
  for (const char* name : {"transformer", "modulation", "text_encoder"}) {
    CAPTURE(name);
    CHECK(forecast.plan.component(name).residency == memory::Residency::streamed);
    CHECK(static_cast<double>(streamed_bytes(forecaster.pipeline(), name, at::kBFloat16)) / kGib <
          2);
  }
}

TEST_CASE("the architectures of the image-to-video models have the published sizes",
          "[pipelines]") {
  const auto parameters_of = [](const char* name) {
    const auto pipeline = open_pipeline(asset(name), {.for_plan = true});
    std::map<std::string, std::int64_t> parameters;
    for (const memory::Component* component : pipeline->components())
      parameters[component->name()] = component->module().parameter_count();
    return parameters;
  };
  auto parameters = parameters_of("wan2.1-i2v-14b");
  CHECK(parameters["transformer"] == 16'394'878'784);
  CHECK(parameters["vae_encoder"] + parameters["vae"] == 126'892'531);
  // The image encoder without its last layer and norm, which are not used.
  CHECK(parameters["image_encoder"] == 611'086'080);
  parameters = parameters_of("wan2.2-i2v-a14b");
  CHECK(parameters["transformer"] == 14'288'901'184);
  CHECK(parameters["transformer_2"] == 14'288'901'184);
  CHECK_FALSE(parameters.contains("image_encoder"));
}

TEST_CASE("at level 3 the two experts of Wan 2.2 take no more than 1 % above one of Wan 2.1",
          "[pipelines]") {
  const auto peak = [](const char* model) {
    EngineOptions options;
    options.ckpt_dir = asset(model);
    options.device = "cuda";
    const LevelForecaster forecaster(options);
    const Request request = complete(forecaster.pipeline(), {});
    return static_cast<double>(forecaster.plan(3, request, true).forecast.peak_bytes());
  };
  CHECK(peak("wan2.2-t2v-a14b") < 1.01 * peak("wan2.1-t2v-14b"));
}

TEST_CASE("an architecture without weights cannot be run", "[pipelines]") {
  const auto [name, published] =
      GENERATE(table<std::string, std::string>({{"wan2.1-t2v-1.3b", "Wan2.1-T2V-1.3B-Diffusers"},
                                                {"wan2.1-t2v-14b", "Wan2.1-T2V-14B-Diffusers"},
                                                {"wan2.2-t2v-a14b", "Wan2.2-T2V-A14B-Diffusers"},
                                                {"wan2.2-ti2v-5b", "Wan2.2-TI2V-5B-Diffusers"},
                                                {"qwen-image", "Qwen-Image"}}));
  CHECK_THROWS_AS(open_pipeline(asset(name), {}), InputError);
  CHECK_THROWS_WITH(open_pipeline(asset(name), {}),
                    Catch::ContainsSubstring("has no weights") &&
                        Catch::ContainsSubstring("hf download ") &&
                        Catch::EndsWith("/" + published + " --local-dir " + published));
}

}  // namespace
}  // namespace chitu::pipelines
