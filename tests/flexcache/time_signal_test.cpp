#include "pipelines/wan/time_signal.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/cache/cache.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/tensor_file.h"
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

/// A dry run that embeds timesteps: what it counts, and what it reads from files.
std::pair<std::int64_t, std::int64_t> counted_and_read(
    const std::function<at::Tensor(const std::vector<double>&, bool)>& embed,
    const std::vector<double>& timesteps, bool projected) {
  const device::DryRun dry_run({});
  const std::int64_t before = io::read_bytes();
  embed(timesteps, projected);
  return {dry_run.use().disk, io::read_bytes() - before};
}

TEST_CASE("dry runs of one schedule read the time embedder once, and count it every time",
          "[flexcache]") {
  const c10::InferenceMode inference;
  const std::string folder = std::string(CHITU_SOURCE_DIR) + "/assets/demo-t2v/transformer";
  const models::WanTransformer3DModel model(models::WanTransformer3DConfig::from_json(
      io::JsonObject::read(std::filesystem::path(folder) / "config.json")));
  const auto embed = time_signal(model, std::make_shared<io::Checkpoint>(folder));
  const auto [counted, read] = counted_and_read(embed, {999, 500}, true);
  CHECK(counted > 0);
  CHECK(read > 0);
  CHECK(counted_and_read(embed, {999, 500}, true) == std::pair(counted, std::int64_t{0}));
  CHECK(counted_and_read(embed, {999, 400}, true) == std::pair(counted, read));
  CHECK(counted_and_read(embed, {999, 400}, false).first < counted);
  const at::Tensor planned = [&] {
    const device::DryRun dry_run({});
    return embed({999, 400}, true);
  }();
  CHECK(at::equal(planned, embed({999, 400}, true)));
}

TEST_CASE("without weights there is no time signal", "[flexcache]") {
  const models::WanTransformer3DModel model(
      {.num_attention_heads = 2, .attention_head_dim = 12, .num_layers = 1});
  CHECK_FALSE(time_signal(model, nullptr));
}

}  // namespace
}  // namespace chitu::pipelines::wan
