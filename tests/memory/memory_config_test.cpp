#include "chitu_core/memory/memory_config.h"

#include <algorithm>

#include "chitu_core/config/bind/binder.h"
#include "chitu_core/config/yaml/loader.h"
#include "chitu_core/memory/plan.h"
#include "tests/support/catch.h"

namespace chitu::memory {
namespace {

MemoryConfig read(const std::string& yaml) {
  return config::read<MemoryConfig>(config::parse_yaml(yaml, "infer.yaml"));
}

TEST_CASE("keys of the group infer reach the plan", "[memory]") {
  const MemoryConfig config = read(R"(
diffusion: {low_mem_level: 3}
vae_tiling: blend
vae_tile_size: 16
guidance_interleave: false
offload_activations: true
activation_chunk: 64
prefetch_blocks: 4
pin_memory: false
offload_dit: false
strategies: [text_encoder_offload]
text_encoder_device: cpu
)");
  const MemoryPlan plan = make_plan(config, {.device = c10::kCUDA});
  CHECK(plan.low_mem_level == 3);
  CHECK(plan.vae_tiling == VaeTiling::blend);
  CHECK(plan.vae_tile_latents == 16);
  CHECK_FALSE(plan.guidance_interleave);
  CHECK(plan.offload_activations);
  CHECK(plan.activation_chunk == 64);
  CHECK(plan.prefetch_blocks == 4);
  CHECK_FALSE(plan.pin_memory);
  CHECK(plan.component("transformer").residency == Residency::resident);
  CHECK(plan.component("text_encoder").device == c10::kCPU);
  CHECK(plan.strategies.back() == "text_encoder_offload");
}

TEST_CASE("keys that are null or absent leave the level's plan as it is", "[memory]") {
  const MemoryConfig absent = read("{}");
  CHECK(absent == MemoryConfig());
  CHECK(read("{diffusion: {low_mem_level: null}, prefetch_blocks: null, vram_limit: null, "
             "strategies: null, text_encoder_device: null}") == absent);
  CHECK(make_plan(absent, {}) == make_plan({}, {}));
}

TEST_CASE("a limit without a level means auto", "[memory]") {
  CHECK(read("{diffusion: {low_mem_level: auto}}").low_mem_level == std::nullopt);
  const MemoryConfig config = read("{vram_limit: 6GiB, host_limit: 80%}");
  CHECK(config.low_mem_level == std::nullopt);
  CHECK(config.vram_limit == MemoryLimit{.bytes = std::int64_t{6} << 30});
  CHECK(config.host_limit == MemoryLimit{.share = 0.8});
  CHECK(read("{diffusion: {low_mem_level: 2}, vram_limit: 6GiB}").low_mem_level == 2);
  CHECK_THROWS_WITH(read("{diffusion: {low_mem_level: 7}}"),
                    Catch::ContainsSubstring("expected one of 0, 1, 2, 3, auto, got 7"));
}

TEST_CASE("every key of a plan's entries is declared with help", "[memory]") {
  const auto fields = config::describe_fields<MemoryConfig>();
  const MemoryPlan plan;
  int with_key = 0;
  visit_entries(
      [&](const EntryInfo& info, const auto&) {
        if (info.key.empty()) return;
        ++with_key;
        const auto field = std::find_if(fields.begin(), fields.end(),
                                        [&](const auto& f) { return f.name == info.key; });
        REQUIRE(field != fields.end());
        CHECK(field->optional);
        CHECK_FALSE(field->help.empty());
      },
      plan);
  CHECK(with_key == 7);
}

TEST_CASE("the group memory has the states of each role", "[memory]") {
  const auto states = config::read<RoleStates>(config::parse_yaml(
      "{transformer: {offload: {device: cpu, dtype: bfloat16}}}", "memory.yaml"));
  CHECK(states[Role::transformer].offload.device == Place::cpu);
  CHECK(states[Role::transformer].offload.dtype == StateDtype::bfloat16);
  CHECK(states[Role::vae] == ComponentStates());
  CHECK_THROWS_WITH(config::read<RoleStates>(config::parse_yaml("{transfomer: {}}", "memory.yaml")),
                    Catch::ContainsSubstring("did you mean transformer"));
}

}  // namespace
}  // namespace chitu::memory
