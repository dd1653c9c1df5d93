#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "tests/flexcache/cached_world.h"

namespace chitu::pipelines {
namespace {

/// What the engine says of a request under a limit; empty = it fits.
std::string refusal(const EngineOptions& options, const PartialRequest& request) {
  Engine engine(options);
  try {
    engine.choose_plan(engine.complete(request));
  } catch (const OutOfMemoryError& error) {
    return error.what();
  }
  return "";
}

std::int64_t least_named(const std::string& text) {
  const std::string before = "the least that does is ";
  return std::stoll(text.substr(text.find(before) + before.size()));
}

EngineOptions limited(const DeepModel& model, std::int64_t bytes) {
  EngineOptions options = options_for(model.path(), "sim");
  options.memory.low_mem_level.reset();
  options.memory.vram_limit = memory::MemoryLimit{.bytes = bytes};
  return options;
}

std::int64_t denoise_peak(const Forecast& forecast) {
  return std::ranges::find(forecast.stages, "denoise", &StageForecast::name)->use.peak_device;
}

TEST_CASE("what a cache keeps counts in the plan, unless it is in host memory", "[flexcache]") {
  const DeepModel model;
  const EngineOptions options = options_for(model.path(), "sim", 3);
  const auto peak_of = [&](const PartialRequest& request) {
    return denoise_peak(forecast_of(options, request));
  };
  const std::int64_t whole = peak_of(cached_request(""));
  auto pab = cached_request("pab", tiny_params().at("pab"));
  const std::int64_t kept = peak_of(pab);
  CHECK(kept > whole);
  (*pab.flexcache_params)["offload"] = true;
  CHECK(peak_of(pab) < kept);
}

TEST_CASE("a cached request over the limit is refused before work with the least that would do",
          "[flexcache]") {
  const DeepModel model;
  const auto request = cached_request("pab", tiny_params().at("pab"));
  const std::string text = refusal(limited(model, 1000), request);
  REQUIRE_THAT(text, Catch::ContainsSubstring("infer.vram_limit: "));
  const std::int64_t least = least_named(text);
  CHECK(least >= least_named(refusal(limited(model, 1000), cached_request(""))));
  CHECK_FALSE(refusal(limited(model, least - 1), request).empty());
  CHECK(refusal(limited(model, least), request).empty());

  struct Peak final : graph::Observer {
    void stage_begin(std::string_view) override { device::reset_peak(device); }
    void stage_end(std::string_view) override {
      bytes = std::max(bytes, device::memory_use(device).peak_bytes);
    }
    c10::Device device = device::resolve("sim");
    std::int64_t bytes = 0;
  } peak;
  Engine engine(limited(model, least));
  Engine::RunOptions run;
  run.observers = {&peak};
  engine.generate(engine.complete(request), {}, run);
  CHECK(peak.bytes <= least);
}

}  // namespace
}  // namespace chitu::pipelines
