#include "chitu_core/memory/plan.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/memory/levels.h"
#include "chitu_core/memory/strategy.h"
#include "tests/support/catch.h"

namespace chitu::memory {
namespace {

TEST_CASE("the strategies of this build are registered", "[memory]") {
  CHECK(Registry<Strategy>::instance().names() == std::vector<std::string>{"text_encoder_offload"});
}

TEST_CASE("level 0 keeps every component on the device in the chosen dtypes", "[memory]") {
  const MemoryPlan plan = make_plan({}, {c10::kCPU, at::kBFloat16, at::kFloat});
  CHECK(plan.strategies.empty());
  CHECK(plan.text_encoder.residency == Residency::resident);
  CHECK(plan.transformer.dtype == at::kBFloat16);
  CHECK(plan.vae.dtype == at::kFloat);
  CHECK_FALSE(plan.vae_tile_latents);
  CHECK(&plan.component("vae") == &plan.vae);
}

TEST_CASE("a level whose strategy is not built in is refused by name", "[memory]") {
  MemoryConfig config;
  config.low_mem_level = 3;
  CHECK_THROWS_AS(make_plan(config, {}), InputError);
  CHECK_THROWS_WITH(make_plan(config, {}),
                    Catch::ContainsSubstring("infer.diffusion.low_mem_level=3: the strategy "));
}

TEST_CASE("a tile size that nothing would obey is refused", "[memory]") {
  MemoryConfig config;
  config.vae_tile_latents = 16;
  CHECK_THROWS_WITH(make_plan(config, {}), Catch::ContainsSubstring("infer.vae_tile_size=16: "));
}

}  // namespace
}  // namespace chitu::memory
