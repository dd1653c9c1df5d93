#include "pipelines/forecast/forecast_report.h"

#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

EngineOptions tiny(const std::string& device) {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = device;
  options.memory.vae_tile_latents = 8;
  return options;
}

ForecastReport report_of(const LevelForecaster& forecaster, const PlanQuestions& questions = {}) {
  const Request request = complete(forecaster.pipeline(), small_request());
  return report_plans(forecaster, "tiny", request, false, questions);
}

TEST_CASE(
    "resident components stay on the device between stages, offloaded and streamed ones do not",
    "[pipelines]") {
  const LevelForecaster forecaster(tiny("cuda"));
  const ForecastReport report = report_of(forecaster);
  REQUIRE(report.levels.size() == 4);
  std::int64_t all = 0;
  for (const ComponentForecast& component : report.levels[0].plan.components) {
    CHECK(component.at_rest_bytes == component.onload_bytes);
    all += component.onload_bytes;
  }
  CHECK(report.levels[0].plan.at_rest_bytes() == all);
  const auto& text_encoder = report.levels[2].plan.components[0];
  CHECK(text_encoder.name == "text_encoder");
  CHECK(report.levels[2].plan.at_rest_bytes() == all - text_encoder.onload_bytes);
  CHECK(report.levels[3].plan.at_rest_bytes() == 0);
  CHECK(report.levels[3].plan.forecast.step().h2d > 0);
  CHECK(report.levels[0].plan.forecast.step().disk == 0);
}

TEST_CASE("a text encoder on the CPU uses no device memory", "[pipelines]") {
  EngineOptions options = tiny("cuda");
  options.memory.text_encoder_on_cpu = true;
  const LevelForecaster forecaster(options);
  const LevelForecast level = report_of(forecaster).levels[0].plan;
  CHECK(level.at_rest_bytes() ==
        level.components[1].onload_bytes + level.components[2].onload_bytes);
}

TEST_CASE("the largest sizes fit, and the next ones do not", "[pipelines]") {
  const LevelForecaster forecaster(tiny(GENERATE("cuda", "cpu")));
  const int level = GENERATE(0, 3);
  const Request request = complete(forecaster.pipeline(), small_request());
  const SizeSteps steps = forecaster.pipeline().size_steps();
  const memory::MemoryPlan plan = forecaster.plan_of(level);
  const std::int64_t process = forecaster.host_computes() ? forecaster.process_bytes() : 0;
  const auto peak = [&](std::int64_t width, std::int64_t frames) {
    Request tried = request;
    tried.width = tried.height = width;
    tried.num_frames = frames;
    return forecaster.forecaster().forecast(tried, plan).peak_bytes() + process;
  };
  const std::int64_t least = peak(steps.width, 1), most = peak(1024, 5);
  for (const double share : {0.0, 0.001, 0.02, 0.1, 0.3, 0.6, 0.99, 3.0}) {
    CAPTURE(level, share);
    const std::int64_t limit =
        least + static_cast<std::int64_t>(share * static_cast<double>(most - least));
    const auto found = largest_sizes(forecaster, level, request, false, limit);
    const std::int64_t width = found.picture ? found.picture->width : 0;
    if (width > 0) CHECK(peak(width, request.num_frames) <= limit);
    if (width < steps.most_width) CHECK(peak(width + steps.width, request.num_frames) > limit);
    const std::int64_t frames = found.frames.value_or(steps.first_frames - steps.frames);
    if (found.frames) CHECK(peak(request.width, frames) <= limit);
    if (frames < steps.most_frames) CHECK(peak(request.width, frames + steps.frames) > limit);
  }
  const auto none = largest_sizes(forecaster, level, request, false, least - 1);
  CHECK_FALSE(none.picture);
  const auto all = largest_sizes(forecaster, level, request, false, std::int64_t{1} << 60);
  CHECK(all.picture->width == steps.most_width);
  CHECK(all.frames == steps.most_frames);
}

TEST_CASE("every tensor of a peak is named, weights by their component", "[pipelines]") {
  const LevelForecaster forecaster(tiny(GENERATE("cuda", "cpu")));
  const ForecastReport report = report_of(forecaster, {.fit_bytes = {}, .explain_peaks = true});
  for (const LevelReport& level : report.levels) {
    std::int64_t sum = 0;
    bool weights = false;
    for (const HeldGroup& group : level.peak->groups) {
      sum += group.bytes;
      weights |= group.what.starts_with("weights of ");
      CHECK(group.count > 0);
    }
    CHECK(weights);
    CHECK(sum == level.plan.forecast.peak_bytes());
    for (const Remedy& remedy : level.peak->remedies)
      CHECK(remedy.peak_bytes < level.plan.forecast.peak_bytes());
  }
  CHECK_FALSE(report.levels[0].peak->remedies.empty());
}

TEST_CASE("a plan's JSON has these keys", "[pipelines]") {
  const LevelForecaster forecaster(tiny("cuda"));
  const auto json = to_json(report_of(forecaster, {.fit_bytes = 1 << 30, .explain_peaks = true}));
  for (const char* key : {"device", "dtype", "request", "modelled", "levels", "process_bytes"})
    CHECK(json.contains(key));
  for (const auto& level : json.at("levels")) {
    for (const char* key :
         {"low_mem_level", "strategies", "fits", "peak_device_bytes", "peak_host_bytes",
          "weights_at_rest_bytes", "components", "stages", "step", "request", "flops_per_step",
          "recomputed_share", "largest", "peak"})
      CHECK(level.contains(key));
    for (const auto& stage : level.at("stages"))
      for (const char* key : {"name", "peak_device_bytes", "held_device_bytes", "h2d_bytes",
                              "d2h_bytes", "disk_bytes", "flops"})
        CHECK(stage.contains(key));
  }
}

TEST_CASE("an unknown dtype or attention backend is refused by a plan as by a run", "[pipelines]") {
  EngineOptions options = tiny("cuda");
  SECTION("dtype") { options.dtype = "int8"; }
  SECTION("attention") { options.attn_type = "nosuch"; }
  CHECK_THROWS_AS(LevelForecaster(options), InputError);
}

}  // namespace
}  // namespace chitu::pipelines
