#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/cache/cache.h"
#include "chitu_core/cache/forecast_states.h"
#include "chitu_core/cache/velocity_history.h"
#include "tests/support/catch.h"

namespace chitu::cache {
namespace {

using Json = nlohmann::json;

/// What tools/fixtures/flexcache.py computes from the papers.
Json reference() {
  return Json::parse(std::ifstream(std::string(CHITU_TEST_DATA) + "/cache/reference.json"));
}

Schedule schedule_of(std::int64_t steps) {
  return {std::vector<double>(static_cast<std::size_t>(steps), 1)};
}

ModelFacts model() { return {.layers = 5, .width = 192, .in_channels = 16, .family = "wan"}; }

std::vector<std::int64_t> computed_steps(const CachePlan& plan) {
  std::vector<std::int64_t> steps;
  for (std::size_t step = 0; step < plan.steps.size(); ++step)
    if (!plan.reuses(step)) steps.push_back(static_cast<std::int64_t>(step));
  return steps;
}

ParamValue value_of(const Json& json) {
  if (json.is_boolean()) return json.get<bool>();
  if (json.is_number()) return json.get<double>();
  return json.get<std::vector<double>>();
}

Params params_of_case(const Json& json, std::initializer_list<const char*> names) {
  Params params;
  for (const char* name : names) params[name] = value_of(json.at(name));
  return params;
}

at::Tensor row(const Json& json) {
  return at::tensor(json.get<std::vector<double>>(), at::kDouble);
}

TEST_CASE("magcache skips the steps of its published rule", "[cache][parity]") {
  for (const Json& wanted : reference().at("magcache")) {
    CAPTURE(wanted.dump());
    const auto params =
        params_of_case(wanted, {"ratios", "threshold", "most_skipped", "retention_ratio"});
    const auto plan = plan_of({"magcache", params}, schedule_of(wanted.at("steps")), model());
    CHECK(computed_steps(plan) == wanted.at("computed").get<std::vector<std::int64_t>>());
  }
}

TEST_CASE("taylorseer forecasts what its published rule does, to rounding", "[cache][parity]") {
  const c10::InferenceMode inference;
  const Json all = reference();
  for (const Json& wanted : all.at("taylorseer")) {
    CAPTURE(wanted.at("interval"), wanted.at("order"));
    const auto params = params_of_case(wanted, {"interval", "order", "warmup"});
    const auto& added = all.at("added");
    const auto plan = plan_of({"taylorseer", params}, schedule_of(std::ssize(added)), model());
    CHECK(computed_steps(plan) == wanted.at("computed").get<std::vector<std::int64_t>>());
    ForecastStates kept(plan.order, false);
    for (std::size_t step = 0; step < added.size(); ++step) {
      const at::Tensor used = row(wanted.at("used")[step]);
      const auto index = static_cast<std::int64_t>(step);
      if (plan.reuses(step))
        CHECK(at::allclose(kept.at_step(index), used, 1e-9, 1e-9));
      else
        kept.put(row(added[step]), index);
    }
  }
}

TEST_CASE("meancache predicts the velocities of its published rule", "[cache][parity]") {
  const c10::InferenceMode inference;
  const Json wanted = reference().at("meancache");
  const auto sigmas = wanted.at("sigmas").get<std::vector<double>>();
  const auto steps = std::ssize(sigmas) - 1;
  const auto plan =
      plan_of({"meancache", params_of_case(wanted, {"fresh_steps"})}, schedule_of(steps), model());
  CHECK(computed_steps(plan) == wanted.at("computed").get<std::vector<std::int64_t>>());
  VelocityHistory history(8);
  at::Tensor x = row(wanted.at("start"));
  for (std::size_t step = 0; step < static_cast<std::size_t>(steps); ++step) {
    const at::Tensor published = row(wanted.at("velocities")[step]);
    at::Tensor velocity = published;
    if (plan.reuses(step)) {
      velocity = history.predict(x, sigmas[step], sigmas[step + 1], plan.steps[step].span);
      CHECK(at::allclose(velocity, published, 1e-4, 1e-4));
    }
    history.record(x, sigmas[step], velocity);
    x = x + velocity * (sigmas[step + 1] - sigmas[step]);
  }
}

TEST_CASE("meancache predicts the velocities of its published rule on the demo model",
          "[cache][parity]") {
  const c10::InferenceMode inference;
  const Json wanted = reference().at("meancache_on_demo");
  const auto sigmas = wanted.at("sigmas").get<std::vector<double>>();
  const auto plan = plan_of({"meancache", params_of_case(wanted, {"fresh_steps"})},
                            schedule_of(std::ssize(sigmas) - 1), model());
  CHECK(computed_steps(plan) == wanted.at("computed").get<std::vector<std::int64_t>>());
  VelocityHistory history(8);
  for (std::size_t step = 0; step < plan.steps.size(); ++step) {
    CAPTURE(step);
    const at::Tensor latents = row(wanted.at("latents")[step]);
    const at::Tensor published = row(wanted.at("velocities")[step]);
    if (plan.reuses(step)) {
      const at::Tensor predicted =
          history.predict(latents, sigmas[step], sigmas[step + 1], plan.steps[step].span);
      CHECK(at::allclose(predicted, published, 1e-3, 1e-3));
    }
    history.record(latents, sigmas[step], published);
  }
}

}  // namespace
}  // namespace chitu::cache
