#include "chitu_core/memory/plan.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/memory/levels.h"
#include "chitu_core/memory/strategy.h"
#include "tests/support/catch.h"

namespace chitu::memory {
namespace {

/// As a user adds one.
class SmallestTiles final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.vae_tiling = VaeTiling::exact;
    plan.vae_tile_latents = 8;
  }
};
CHITU_REGISTER(Strategy, SmallestTiles, "smallest_tiles");

TEST_CASE("the strategies of this build are registered", "[memory]") {
  CHECK(Registry<Strategy>::instance().names() ==
        std::vector<std::string>{"activation_offload", "smallest_tiles", "text_encoder_offload",
                                 "text_encoder_streaming", "transformer_streaming", "vae_offload",
                                 "vae_tiling"});
}

TEST_CASE("level 0 keeps every component on the device in the chosen dtypes", "[memory]") {
  const MemoryPlan plan = make_plan({}, {c10::kCPU, at::kBFloat16, at::kFloat});
  CHECK(plan.strategies.empty());
  CHECK(plan.text_encoder.residency == Residency::resident);
  CHECK(plan.transformer.dtype == at::kBFloat16);
  CHECK(plan.vae.dtype == at::kFloat);
  CHECK(plan.vae_tiling == VaeTiling::off);
  CHECK(&plan.component("vae") == &plan.vae);
}

TEST_CASE("each level adds to what the level below saves", "[memory]") {
  MemoryConfig config;
  config.low_mem_level = 1;
  CHECK(make_plan(config, {}).vae_tiling == VaeTiling::exact);
  CHECK(make_plan(config, {}).text_encoder.residency == Residency::resident);
  config.low_mem_level = 2;
  CHECK(make_plan(config, {}).vae_tiling == VaeTiling::exact);
  CHECK(make_plan(config, {}).text_encoder.residency == Residency::offloaded);
  CHECK(make_plan(config, {}).transformer.residency == Residency::resident);
  config.low_mem_level = 3;
  const MemoryPlan least = make_plan(config, {});
  CHECK(least.vae_tile_latents == 32);
  CHECK(least.vae_tiling == VaeTiling::exact);
  CHECK(least.text_encoder.residency == Residency::streamed);
  CHECK(least.transformer.residency == Residency::streamed);
  CHECK(least.vae.residency == Residency::offloaded);
}

TEST_CASE("strategies that are named come after the level's and before single entries",
          "[memory]") {
  MemoryConfig config;
  config.low_mem_level = 1;
  config.strategies = {"smallest_tiles", "text_encoder_offload"};
  const MemoryPlan plan = make_plan(config, {});
  CHECK(plan.strategies ==
        std::vector<std::string>{"vae_tiling", "smallest_tiles", "text_encoder_offload"});
  CHECK(plan.vae_tile_latents == 8);  // the level says 32
  CHECK(plan.text_encoder.residency == Residency::offloaded);
  config.vae_tile_latents = 16;
  config.offload_text_encoder = false;
  CHECK(make_plan(config, {}).vae_tile_latents == 16);
  CHECK(make_plan(config, {}).text_encoder.residency == Residency::resident);
}

TEST_CASE("activations rest on the host by a strategy or a key, at no level by itself",
          "[memory]") {
  MemoryConfig config;
  config.low_mem_level = 3;
  CHECK_FALSE(make_plan(config, {}).offload_activations);
  config.strategies = {"activation_offload"};
  CHECK(make_plan(config, {}).offload_activations);
  config.offload_activations = false;
  CHECK_FALSE(make_plan(config, {}).offload_activations);
  config.strategies.clear();
  config.offload_activations = true;
  CHECK(make_plan(config, {}).offload_activations);
}

TEST_CASE("a strategy that is not there is refused with the nearest", "[memory]") {
  MemoryConfig config;
  config.strategies = {"vae_tilng"};
  CHECK_THROWS_WITH(make_plan(config, {}),
                    Catch::Matchers::StartsWith(
                        "infer.strategies: unknown strategy vae_tilng, expected any of ") &&
                        Catch::Matchers::EndsWith(", did you mean vae_tiling?"));
}

TEST_CASE("a tile size overrides the level's, and asks for tiles by itself", "[memory]") {
  MemoryConfig config;
  config.low_mem_level = GENERATE(0, 1);
  config.vae_tile_latents = 16;
  const MemoryPlan plan = make_plan(config, {});
  CHECK(plan.vae_tile_latents == 16);
  CHECK(plan.vae_tiling == VaeTiling::exact);
}

TEST_CASE("keys of single entries beat the level", "[memory]") {
  MemoryConfig config;
  config.low_mem_level = 3;
  config.vae_tiling = VaeTiling::blend;
  config.offload_dit = false;
  config.offload_vae = false;
  config.offload_text_encoder = true;
  const MemoryPlan plan = make_plan(config, {});
  CHECK(plan.vae_tiling == VaeTiling::blend);
  CHECK(plan.transformer.residency == Residency::resident);
  CHECK(plan.keep_text_kv);
  CHECK(plan.vae.residency == Residency::resident);
  CHECK(plan.text_encoder.residency == Residency::streamed);  // which lets it go, too
  config = {};
  config.offload_dit = true;
  config.offload_vae = true;
  config.offload_text_encoder = true;
  config.text_encoder_on_cpu = true;
  const MemoryPlan other = make_plan(config, {});
  CHECK(other.transformer.residency == Residency::streamed);
  CHECK(other.vae.residency == Residency::offloaded);
  CHECK(other.text_encoder.residency == Residency::offloaded);
  CHECK(other.text_encoder.device == c10::kCPU);
}

}  // namespace
}  // namespace chitu::memory
