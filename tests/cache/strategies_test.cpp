#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <string>
#include <vector>

#include "chitu_core/cache/cache.h"
#include "chitu_core/cache/tables.h"
#include "chitu_core/common/error.h"
#include "tests/support/catch.h"

namespace chitu::cache {
namespace {

Schedule schedule_of(std::size_t steps) { return {std::vector<double>(steps, 1)}; }

ModelFacts model_of(std::int64_t layers, std::int64_t width, std::int64_t in_channels = 16) {
  return {.layers = layers,
          .width = width,
          .in_channels = in_channels,
          .family = "wan",
          .splits_attention = true,
          .pixels = 832 * 480,
          .embeds_time = true};
}

/// "#": computes all layers, "+": some, ".": none, "?": decided at run time.
std::string picture(const CachePlan& plan) {
  std::string text;
  for (std::size_t step = 0; step < plan.steps.size(); ++step) {
    const auto& planned = plan.steps[step];
    text += planned.may_reuse         ? '?'
            : plan.computes_all(step) ? '#'
            : planned.layers.empty()  ? '.'
                                      : '+';
  }
  return text;
}

std::string refusal(const Choice& choice, std::size_t steps, const ModelFacts& model) {
  try {
    plan_of(choice, schedule_of(steps), model);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("magcache follows the published table of a model", "[cache]") {
  const auto plan = plan_of({"magcache"}, schedule_of(50), model_of(30, 1536));
  CHECK(picture(plan) == "##########" + picture(plan).substr(10));
  CHECK(picture(plan).find("....") != std::string::npos);
  CHECK(picture(plan).find(".....") == std::string::npos);  // 4 in a row at most
  CHECK(picture(plan).back() == '#');                       // the last ratios are far from 1
}

TEST_CASE("magcache without a table is refused with what it needs", "[cache]") {
  const std::string expected =
      "request.flexcache=magcache: has no table for this model, expected "
      "request.flexcache_params.ratios, or another cache such as taylorseer";
  CHECK(refusal({"magcache"}, 20, model_of(5, 192)) == expected);
  CHECK(refusal({"magcache", {{"ratios", std::vector<double>{1, 0.9}}}}, 20, model_of(5, 192)) ==
        "");
}

std::string_view name_of(const ModelFacts& model) {
  const auto fitted = fitted_model(model);
  return fitted ? fitted->name : "";
}

TEST_CASE("a model is known by its layers, width, channels and the size of frames", "[cache]") {
  CHECK(name_of(model_of(30, 1536)) == "Wan2.1-T2V-1.3B");
  CHECK(name_of(model_of(40, 5120)) == "Wan2.1-T2V-14B");
  auto image = model_of(40, 5120, 36);
  CHECK(name_of(image) == "Wan2.1-I2V-14B-480P");
  image.pixels = 1280 * 720;
  CHECK(name_of(image) == "Wan2.1-I2V-14B-720P");
  CHECK(name_of(model_of(30, 3072, 48)) == "Wan2.2-TI2V-5B");
  auto qwen = model_of(60, 3072, 64);
  CHECK(name_of(qwen) == "");
  qwen.family = "qwen_image";
  CHECK(name_of(qwen) == "Qwen-Image");
  CHECK(name_of(model_of(48, 3072)) == "");
}

TEST_CASE("magcache has a table for each expert of Wan 2.2 A14B, for its own steps", "[cache]") {
  auto expert = model_of(40, 5120);
  const auto planned = [&](StepShare steps, std::size_t count) {
    expert.steps = steps;
    return picture(plan_of({"magcache"}, schedule_of(count), expert));
  };
  const std::string high = planned(StepShare::high_noise, 26);
  const std::string low = planned(StepShare::low_noise, 14);
  CHECK(high == "##########..#..#..#..#..#.");
  CHECK(low == "#####.#.#.####");
  expert.in_channels = 36;  // from images: the first expert computes all of its steps
  CHECK(planned(StepShare::high_noise, 15) == std::string(15, '#'));
  CHECK(planned(StepShare::low_noise, 25).find('.') != std::string::npos);
}

TEST_CASE("magcache of Qwen-Image keeps the first steps, whose ratios are far from 1", "[cache]") {
  auto qwen = model_of(60, 3072, 64);
  qwen.family = "qwen_image";
  const std::string planned = picture(plan_of({"magcache"}, schedule_of(50), qwen));
  CHECK(planned.substr(0, 10) == "##########");
  CHECK(planned.find('.') != std::string::npos);
  CHECK(planned.substr(41) == "#########");
}

TEST_CASE("magcache of Wan 2.2 5B has tables for text and for images", "[cache]") {
  auto small = model_of(30, 3072, 48);
  const auto ratios = [&] { return fitted_model(small)->magcache.ratios; };
  CHECK(ratios().size() == 50);
  CHECK(ratios()[1] == 0.99505);
  small.from_image = true;
  CHECK(ratios()[1] == 0.99512);
}

/// Embedded timesteps whose mean absolute value grows by these shares from step to step.
at::Tensor growing(const std::vector<double>& shares) {
  std::vector<at::Tensor> rows{at::ones({8})};
  for (const double share : shares) rows.push_back(rows.back() * (1 + share));
  return at::stack(rows);
}

TEST_CASE("teacache skips steps until the rescaled changes reach the threshold", "[cache]") {
  const c10::InferenceMode inference;
  auto model = model_of(5, 192);
  model.embed_time = [](const std::vector<double>&, bool) {
    return growing({0.12, 0.04, 0.04, 0.04, 0.02, 0.5, 0.01});
  };
  const Params params{{"threshold", 0.1}};
  const auto plan = plan_of({"teacache", params}, schedule_of(8), model);
  CHECK(picture(plan) == "##..#.##");
  REQUIRE(plan.warnings.size() == 1);
  CHECK_THAT(plan.warnings.front(), Catch::ContainsSubstring("no coefficients for this model"));
  const Params twice{{"threshold", 0.1}, {"coefficients", std::vector<double>{2, 0}}};
  CHECK(picture(plan_of({"teacache", twice}, schedule_of(8), model)) == "##.#.###");
}

TEST_CASE("teacache without weights plans every step, as the most that is computed", "[cache]") {
  const auto plan = plan_of({"teacache"}, schedule_of(8), model_of(30, 1536));
  CHECK(picture(plan) == "########");
  CHECK(plan.is_upper_bound);
}

TEST_CASE("teacache and pab are refused for a model that they do not suit", "[cache]") {
  const ModelFacts other{.layers = 60, .width = 3072, .in_channels = 64};
  CHECK_THAT(refusal({"teacache"}, 20, other), Catch::ContainsSubstring("=teacache: the model's"));
  CHECK_THAT(refusal({"pab"}, 20, other), Catch::ContainsSubstring("=pab: is not for this model"));
}

TEST_CASE("meancache stretches its table to the steps of the request", "[cache]") {
  const auto full = plan_of({"meancache"}, schedule_of(50), model_of(5, 192));
  CHECK(picture(full) == "#################.......#.......#.......#..#.#.###");
  const auto stretched =
      plan_of({"meancache", {{"fresh_steps", 10.0}}}, schedule_of(20), model_of(5, 192));
  CHECK(picture(stretched) == "##.#.#..#..#..#.#..#");
  CHECK(refusal({"meancache", {{"fresh_steps", 12.0}}}, 50, model_of(5, 192)) ==
        "request.flexcache_params.fresh_steps=12: expected 10, 17, 25 or 30");
}

TEST_CASE("blockdance computes the blocks behind the boundary in every step", "[cache]") {
  const auto plan = plan_of({"blockdance"}, schedule_of(20), model_of(40, 5120));
  CHECK(picture(plan) == "#########+#+#+#+#+##");
  CHECK(plan.steps[9].layers.first == 20);
  CHECK(plan.steps[9].layers.last == 40);
  CHECK(refusal({"blockdance", {{"boundary", 5.0}}}, 20, model_of(5, 192)) ==
        "request.flexcache_params.boundary=5: expected less than the 5 blocks of the transformer");
}

TEST_CASE("pab computes all layers and reuses their attention", "[cache]") {
  const auto plan = plan_of({"pab"}, schedule_of(20), model_of(40, 5120));
  CHECK(picture(plan) == std::string(20, '#'));
  std::string self, cross;
  for (const auto& step : plan.steps) {
    self += step.reuse_self_attention ? 'r' : '#';
    cross += step.reuse_cross_attention ? 'r' : '#';
  }
  CHECK(self == "######r#r#r#r#r#####");
  CHECK(cross == "######rr#rr#rr######");
}

TEST_CASE("firstblock and freecache decide at run time, and say so", "[cache]") {
  CHECK(picture(plan_of({"firstblock"}, schedule_of(6), model_of(5, 192))) == "#?????");
  CHECK(picture(plan_of({"freecache"}, schedule_of(12), model_of(5, 192))) == "#####??#####");
  CHECK(Registry<Cache>::instance().at("firstblock", "cache").decides_at_run_time());
  CHECK_FALSE(Registry<Cache>::instance().at("magcache", "cache").decides_at_run_time());
}

TEST_CASE("warmup and cooldown hold in every cache", "[cache]") {
  const Params params{{"warmup", 3.0}, {"cooldown", 2.0}, {"interval", 4.0}};
  CHECK(picture(plan_of({"taylorseer", params}, schedule_of(12), model_of(5, 192))) ==
        "###...#...##");
  CHECK(refusal({"taylorseer", {{"warmup", 7.0}, {"cooldown", 3.0}}}, 10, model_of(5, 192)) ==
        "request.flexcache_params.warmup=7: with a cooldown of 3, expected less than the 10 steps "
        "of the transformer");
}

TEST_CASE("a plan that reuses nothing warns", "[cache]") {
  const auto plan = plan_of({"pab"}, schedule_of(8), model_of(40, 5120));
  REQUIRE(plan.warnings.size() == 1);
  CHECK(plan.warnings.front() == "pab reuses nothing in 8 steps with these parameters");
}

}  // namespace
}  // namespace chitu::cache
