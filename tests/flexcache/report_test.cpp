#include <nlohmann/json.hpp>
#include <string>

#include "chitu_core/cache/cache.h"
#include "pipelines/forecast/forecast_report.h"
#include "pipelines/observe/cache_svg.h"
#include "pipelines/observe/metrics.h"
#include "tests/flexcache/cached_world.h"

namespace chitu::pipelines {
namespace {

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

graph::StepDecision decision(int step, std::int64_t first, std::int64_t computed,
                             const char* what = "reuse") {
  return {.component = "transformer",
          .decision = what,
          .step = step,
          .passes = 1,
          .computed_layers = computed,
          .layers = 8,
          .first_layer = first};
}

TEST_CASE("the picture of a cache has a column for each step and a colour for each part of it",
          "[flexcache]") {
  CacheDecisions decisions;
  decisions.add(decision(0, 0, 8, "compute"));
  decisions.add(decision(1, 0, 0, "forecast"));
  decisions.add(decision(2, 6, 2));
  decisions.add(decision(3, 0, 1));
  auto attention = decision(4, 0, 8);
  attention.cross_attention_reused = true;
  decisions.add(attention);
  const std::string svg = cache_svg(decisions, "a <cache> & its steps");
  CHECK_THAT(svg, Catch::StartsWith("<svg ") && Catch::EndsWith("</svg>\n"));
  CHECK_THAT(svg, Catch::ContainsSubstring("a &lt;cache&gt; &amp; its steps"));
  CHECK(count(svg, "<g class='step'>") == 5);
  CHECK_THAT(svg, Catch::ContainsSubstring("step 2, transformer: reuse, 2 of 8 layers<"));
  CHECK_THAT(svg, Catch::ContainsSubstring("8 of 8 layers, cross-attention reused<"));
  // In columns and in the legend.
  CHECK(count(svg, "fill='#1f4e79'") == 3 + 1);
  CHECK(count(svg, "fill='#f3c97f'") == 1 + 1);
  CHECK(count(svg, "fill='#e6e6e6'") == 2 + 1);
  CHECK(count(svg, "fill='#7fa8d0'") == 1 + 1);
}

nlohmann::json report_of(const EngineOptions& options, const PartialRequest& request) {
  Engine engine(options);
  Metrics metrics(engine.plan().device);
  Engine::RunOptions run;
  run.observers = {&metrics};
  engine.generate(engine.complete(request), {}, run);
  return metrics.report().at("flexcache");
}

TEST_CASE("metrics have the layers and the streamed bytes that a cache saved", "[flexcache]") {
  const DeepModel model;
  const CachedRun whole = run_cached(options_for(model.path(), "sim", 3), cached_request(""));
  for (const auto& [name, params] : tiny_params()) {
    CAPTURE(name);
    const auto request = cached_request(name, params);
    const auto report = report_of(options_for(model.path(), "sim", 3), request);
    const std::int64_t copied = report.at("copied_layer_bytes");
    const std::int64_t saved = report.at("saved_layer_bytes");
    CHECK(copied + saved == whole.streamed_bytes);
    CHECK(static_cast<double>(saved) == Catch::Approx(report.at("saved_share").get<double>() *
                                                      static_cast<double>(whole.streamed_bytes)));
    for (const auto& step : report.at("steps"))
      if (name == "blockdance" && step.at("decision") == "reuse") CHECK(step["first_layer"] == 2);
  }
  const auto resident =
      report_of(options_for(model.path(), "sim", 0), cached_request("taylorseer"));
  CHECK(resident.at("saved_layer_bytes") == 0);
  CHECK(resident.at("saved_share") > 0);
}

TEST_CASE("a plan has what a cache saves of arithmetic and copies, as its run does",
          "[flexcache]") {
  const DeepModel model;
  EngineOptions options = options_for(model.path(), "sim");
  const LevelForecaster forecaster(options);
  for (const std::string name : {"taylorseer", "pab"}) {
    CAPTURE(name);
    const auto request = cached_request(name, tiny_params().at(name));
    const auto plans =
        report_plans(forecaster, "model", complete(forecaster.pipeline(), request), false, {});
    for (const auto& level : to_json(plans).at("levels")) {
      const int number = level.at("low_mem_level");
      const CachedRun cached = run_cached(options_for(model.path(), "sim", number), request);
      const CachedRun whole =
          run_cached(options_for(model.path(), "sim", number), cached_request(""));
      const auto& saved = level.at("flexcache").at("saved");
      CHECK(saved.at("h2d_bytes_share").get<double>() ==
            Catch::Approx(1 - static_cast<double>(cached.h2d_bytes) /
                                  static_cast<double>(whole.h2d_bytes)));
      CHECK(saved.at("arithmetic_share") > 0);
    }
  }
}

}  // namespace
}  // namespace chitu::pipelines
