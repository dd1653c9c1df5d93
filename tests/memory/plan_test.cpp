#include "chitu_core/memory/plan.h"

#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/memory/levels.h"
#include "chitu_core/memory/strategy.h"
#include "tests/support/catch.h"

namespace chitu::memory {
namespace {

/// A strategy as a user would add it.
class SmallestTiles final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.vae_tiling = VaeTiling::exact;
    plan.vae_tile_latents = 8;
  }
};
CHITU_REGISTER(Strategy, SmallestTiles, "smallest_tiles");

TEST_CASE("the strategies of this build are registered", "[memory]") {
  for (const char* name :
       {"activation_offload", "expert_offload", "smallest_tiles", "text_encoder_offload",
        "text_encoder_streaming", "transformer_streaming", "vae_offload", "vae_tiling"})
    CHECK(Registry<Strategy>::instance().find(name));
}

TEST_CASE("level 0 keeps every component on the device in the chosen dtypes", "[memory]") {
  const MemoryPlan plan = make_plan({}, {c10::kCPU, at::kBFloat16, at::kFloat});
  CHECK(plan.strategies.empty());
  CHECK(plan.component("text_encoder").residency == Residency::resident);
  CHECK(plan.component("transformer").dtype == at::kBFloat16);
  CHECK(plan.component("vae").dtype == at::kFloat);
  CHECK(plan.vae_tiling == VaeTiling::off);
  CHECK(&plan.component("vae") == &plan.first(Role::vae));
}

TEST_CASE("each level adds to what the level below saves", "[memory]") {
  MemoryConfig config;
  config.low_mem_level = 1;
  CHECK(make_plan(config, {}).vae_tiling == VaeTiling::exact);
  CHECK(make_plan(config, {}).component("text_encoder").residency == Residency::resident);
  config.low_mem_level = 2;
  CHECK(make_plan(config, {}).vae_tiling == VaeTiling::exact);
  CHECK(make_plan(config, {}).component("text_encoder").residency == Residency::offloaded);
  CHECK(make_plan(config, {}).component("transformer").residency == Residency::resident);
  config.low_mem_level = 3;
  const MemoryPlan least = make_plan(config, {});
  CHECK(least.vae_tile_latents == 32);
  CHECK(least.vae_tiling == VaeTiling::exact);
  CHECK(least.component("text_encoder").residency == Residency::streamed);
  CHECK(least.component("transformer").residency == Residency::streamed);
  CHECK(least.component("vae").residency == Residency::offloaded);
}

TEST_CASE("named strategies apply after the level's and before single keys", "[memory]") {
  MemoryConfig config;
  config.low_mem_level = 1;
  config.strategies = {"smallest_tiles", "text_encoder_offload"};
  const MemoryPlan plan = make_plan(config, {});
  CHECK(plan.strategies == std::vector<std::string>{"vae_tiling", "expert_offload",
                                                    "smallest_tiles", "text_encoder_offload"});
  CHECK(plan.vae_tile_latents == 8);  // the level says 32
  CHECK(plan.component("text_encoder").residency == Residency::offloaded);
  config.vae_tile_latents = 16;
  config.offload_text_encoder = false;
  CHECK(make_plan(config, {}).vae_tile_latents == 16);
  CHECK(make_plan(config, {}).component("text_encoder").residency == Residency::resident);
}

TEST_CASE("activations are offloaded by a strategy or a key, and by no level", "[memory]") {
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

TEST_CASE("an unknown strategy is refused with the nearest name", "[memory]") {
  MemoryConfig config;
  config.strategies = {"vae_tilng"};
  CHECK_THROWS_WITH(make_plan(config, {}),
                    Catch::Matchers::StartsWith(
                        "infer.strategies: unknown strategy vae_tilng, expected any of ") &&
                        Catch::Matchers::EndsWith(", did you mean vae_tiling?"));
}

TEST_CASE("a tile size overrides the level's and turns tiling on", "[memory]") {
  MemoryConfig config;
  config.low_mem_level = GENERATE(0, 1);
  config.vae_tile_latents = 16;
  const MemoryPlan plan = make_plan(config, {});
  CHECK(plan.vae_tile_latents == 16);
  CHECK(plan.vae_tiling == VaeTiling::exact);
}

TEST_CASE("single keys override the level", "[memory]") {
  MemoryConfig config;
  config.low_mem_level = 3;
  config.vae_tiling = VaeTiling::blend;
  config.offload_dit = false;
  config.offload_vae = false;
  config.offload_text_encoder = true;
  const MemoryPlan plan = make_plan(config, {});
  CHECK(plan.vae_tiling == VaeTiling::blend);
  CHECK(plan.component("transformer").residency == Residency::resident);
  CHECK(plan.keep_text_kv);
  CHECK(plan.component("vae").residency == Residency::resident);
  CHECK(plan.component("text_encoder").residency == Residency::streamed);  // frees it, too
  config = {};
  config.offload_dit = true;
  config.offload_vae = true;
  config.offload_text_encoder = true;
  config.text_encoder_on_cpu = true;
  const MemoryPlan other = make_plan(config, {});
  CHECK(other.component("transformer").residency == Residency::streamed);
  CHECK(other.component("vae").residency == Residency::offloaded);
  CHECK(other.component("text_encoder").residency == Residency::offloaded);
  CHECK(other.component("text_encoder").device == c10::kCPU);
}

/// Two experts and a second encoder, as other checkpoints have them.
PlanRequest five_components() {
  return {.dtype = at::kBFloat16,
          .components = {{"text_encoder", Role::text_encoder},
                         {"image_encoder", Role::text_encoder},
                         {"transformer", Role::transformer},
                         {"transformer_2", Role::transformer},
                         {"vae", Role::vae}}};
}

TEST_CASE("strategies and keys apply to every component of their role", "[memory]") {
  MemoryConfig config;
  config.low_mem_level = 3;
  const MemoryPlan level = make_plan(config, five_components());
  for (const char* name : {"text_encoder", "image_encoder", "transformer", "transformer_2"}) {
    CHECK(level.component(name).residency == Residency::streamed);
    CHECK(level.component(name).dtype == at::kBFloat16);
  }
  CHECK(level.component("vae").residency == Residency::offloaded);
  CHECK(level.component("vae").dtype == at::kFloat);
  config.offload_dit = false;
  config.text_encoder_on_cpu = true;
  config.states[Role::text_encoder].offload.device = Place::cpu;
  const MemoryPlan keys = make_plan(config, five_components());
  CHECK(keys.component("transformer_2").residency == Residency::resident);
  CHECK(keys.component("image_encoder").device == c10::kCPU);
  CHECK(keys.component("image_encoder").rests_on_host);
  CHECK_FALSE(keys.component("transformer_2").rests_on_host);
  CHECK_THROWS_WITH(keys.component("upsampler"), "the memory plan has no component upsampler");
}

TEST_CASE("the device of a plan is the requested one", "[memory]") {
  MemoryConfig config;
  config.text_encoder_on_cpu = true;
  const c10::Device cuda(c10::kCUDA, 1);
  CHECK(make_plan(config, {.device = cuda}).device == cuda);
  CHECK(make_plan(config, {.device = cuda}).component("text_encoder").device == c10::kCPU);
}

/// The changes that a strategy makes one after the other, starting from a plan.
std::vector<std::string> ladder(const char* strategy, MemoryPlan plan,
                                const MemoryConfig& config = {}) {
  const Strategy& steps = Registry<Strategy>::instance().at(strategy, "strategy");
  std::vector<std::string> changes;
  for (auto step = steps.cheaper(plan, config); step; step = steps.cheaper(plan, config)) {
    changes.push_back(step->change);
    plan = std::move(step->plan);
  }
  return changes;
}

using Changes = std::vector<std::string>;

TEST_CASE("tiling gets cheaper by smaller tiles, unless a key sets the size", "[memory]") {
  CHECK(ladder("vae_tiling", {}) == Changes{"infer.vae_tiling=exact", "infer.vae_tile_size=24",
                                            "infer.vae_tile_size=16", "infer.vae_tile_size=8"});
  MemoryConfig config;
  config.vae_tile_latents = 12;
  CHECK(ladder("vae_tiling", make_plan(config, {}), config).empty());
  CHECK(ladder("vae_tiling", make_plan(config, {})) == Changes{"infer.vae_tile_size=8"});
  config = {};
  config.vae_tiling = GENERATE(VaeTiling::off, VaeTiling::blend);
  CHECK(ladder("vae_tiling", make_plan(config, {}), config).empty());
}

TEST_CASE("guidance gets cheaper with one branch at a time, then with offloaded activations",
          "[memory]") {
  const PlanRequest cuda{.device = c10::kCUDA};
  const Strategy& strategy = Registry<Strategy>::instance().at("activation_offload", "strategy");
  const auto apart = strategy.cheaper(make_plan({}, cuda), {});
  REQUIRE(apart);
  CHECK(apart->change == "infer.guidance_interleave=false");
  CHECK_FALSE(apart->plan.guidance_interleave);
  CHECK_FALSE(apart->takes_host_memory);
  const auto offloaded = strategy.cheaper(apart->plan, {});
  REQUIRE(offloaded);
  CHECK(offloaded->change == "infer.offload_activations=true");
  CHECK(offloaded->plan.guidance_interleave);
  CHECK(offloaded->plan.offload_activations);
  CHECK(offloaded->takes_host_memory);
  CHECK_FALSE(strategy.cheaper(offloaded->plan, {}));

  CHECK(ladder("activation_offload", make_plan({}, {})) ==
        Changes{"infer.guidance_interleave=false"});  // a CPU has nowhere to offload to
  MemoryConfig config;
  config.guidance_interleave = true;
  CHECK(ladder("activation_offload", make_plan(config, cuda), config) ==
        Changes{"infer.offload_activations=true"});
  config.offload_activations = false;
  CHECK(ladder("activation_offload", make_plan(config, cuda), config).empty());
}

TEST_CASE("a strategy is in effect if it would change nothing", "[memory]") {
  const Strategy& tiling = Registry<Strategy>::instance().at("vae_tiling", "strategy");
  MemoryConfig config;
  CHECK_FALSE(tiling.is_in_effect(make_plan(config, {}), config));
  config.vae_tiling = VaeTiling::exact;  // a key has the same effect as the strategy
  CHECK(tiling.is_in_effect(make_plan(config, {}), config));
}

}  // namespace
}  // namespace chitu::memory
