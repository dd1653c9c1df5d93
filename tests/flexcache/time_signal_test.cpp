#include "pipelines/wan/time_signal.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/cache/cache.h"
#include "chitu_core/io/json.h"
#include "tests/support/catch.h"

namespace chitu::pipelines::wan {
namespace {

TEST_CASE("teacache skips the steps of its published rule on the demo model",
          "[flexcache][parity]") {
  const c10::InferenceMode inference;
  const std::string folder = std::string(CHITU_SOURCE_DIR) + "/assets/demo-t2v/transformer";
  const auto config = models::WanTransformer3DConfig::from_json(
      io::JsonObject::read(std::filesystem::path(folder) / "config.json"));
  const models::WanTransformer3DModel model(config);
  const auto all =
      nlohmann::json::parse(std::ifstream(std::string(CHITU_TEST_DATA) + "/cache/reference.json"));
  const cache::ModelFacts facts{
      .layers = config.num_layers,
      .width = config.width(),
      .in_channels = config.in_channels,
      .family = "wan",
      .embed_time = time_signal(model, std::make_shared<io::Checkpoint>(folder)),
      .embeds_time = true};
  const cache::Schedule schedule{all.at("timesteps").get<std::vector<double>>()};
  for (const auto& wanted : all.at("teacache")) {
    CAPTURE(wanted.dump());
    const cache::Params params{
        {"retention", wanted.at("retention").get<bool>()},
        {"threshold", wanted.at("threshold").get<double>()},
        {"coefficients", wanted.at("coefficients").get<std::vector<double>>()}};
    const auto plan = cache::plan_of({"teacache", params}, schedule, facts);
    std::vector<std::size_t> computed;
    for (std::size_t step = 0; step < plan.steps.size(); ++step)
      if (!plan.reuses(step)) computed.push_back(step);
    CHECK(computed == wanted.at("computed").get<std::vector<std::size_t>>());
  }
}

TEST_CASE("without weights there is no time signal", "[flexcache]") {
  const models::WanTransformer3DModel model(
      {.num_attention_heads = 2, .attention_head_dim = 12, .num_layers = 1});
  CHECK_FALSE(time_signal(model, nullptr));
}

}  // namespace
}  // namespace chitu::pipelines::wan
