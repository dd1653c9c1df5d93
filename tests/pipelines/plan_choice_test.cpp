#include "pipelines/forecast/plan_choice.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/engine.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

EngineOptions on_sim(std::optional<std::int64_t> capacity = {}) {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "sim";
  options.sim.capacity_bytes = capacity;
  options.memory.low_mem_level = std::nullopt;
  options.memory.vae_tile_latents = 8;
  return options;
}

/// Peak, chosen plan and results of one run.
struct Outcome {
  memory::MemoryPlan plan;
  std::int64_t peak = 0;
  std::int64_t streamed_bytes = 0;
  at::Tensor latents;
};

struct Peak final : graph::Observer {
  explicit Peak(c10::Device on) : device(on) { device::reset_peak(device); }
  void stage_end(std::string_view) override {
    bytes = std::max(bytes, device::memory_use(device).peak_bytes);
  }
  c10::Device device;
  std::int64_t bytes = 0;
};

Outcome run(const EngineOptions& options, bool dump = false) {
  const c10::InferenceMode inference;
  const testing::TemporaryFolder folder;
  Engine engine(options);
  const Request request = engine.complete(small_request());
  Peak peak(engine.choose_plan(request).device);
  Engine::RunOptions how;
  how.observers = {&peak};
  if (dump) how.dump_tensors = folder / "dump.safetensors";
  engine.generate(request, {}, how);
  Outcome outcome{engine.plan(), peak.bytes, 0, {}};
  for (const memory::Component* component : engine.components())
    outcome.streamed_bytes += component->traffic().bytes;
  if (dump) outcome.latents = io::SafetensorsFile(how.dump_tensors).tensor("final_latents").clone();
  return outcome;
}

/// The lowest limit that a refusal names.
std::int64_t least_named(const EngineOptions& options,
                         const PartialRequest& request = small_request()) {
  Engine engine(options);
  try {
    engine.choose_plan(engine.complete(request));
  } catch (const OutOfMemoryError& error) {
    const std::string text = error.what(), before = "the least that does is ";
    return std::stoll(text.substr(text.find(before) + before.size()));
  }
  FAIL("expected a refusal");
  return 0;
}

TEST_CASE("auto takes the fastest level that fits the device, and always runs when one does",
          "[pipelines]") {
  const std::int64_t least = least_named(on_sim(1000));
  const std::int64_t plenty = run(on_sim(std::int64_t{1} << 30)).peak;
  CHECK(least_named(on_sim(least - 1)) == least);
  int level = 3;
  std::int64_t streamed = -1;
  const at::Tensor latents = run(on_sim(least), true).latents;
  for (std::int64_t capacity = least; capacity < plenty + 40000; capacity += 20000) {
    CAPTURE(capacity);
    const Outcome outcome = run(on_sim(capacity));
    CHECK(outcome.peak <= capacity);
    CHECK(outcome.plan.low_mem_level <= level);
    if (outcome.plan.low_mem_level == 3 && streamed >= 0)
      CHECK(outcome.streamed_bytes <= streamed);  // memory that is left keeps layers
    level = outcome.plan.low_mem_level;
    streamed = outcome.streamed_bytes;
  }
  CHECK(level == 0);
  CHECK(at::equal(latents, run(on_sim(plenty), true).latents));
}

TEST_CASE("infer.vram_limit holds at every level, or is refused before any work", "[pipelines]") {
  EngineOptions options = on_sim();
  options.memory.low_mem_level = GENERATE(0, 1, 2, 3);
  CAPTURE(*options.memory.low_mem_level);
  options.memory.vram_limit = memory::MemoryLimit{.bytes = 1000};
  const std::int64_t least = least_named(options);
  for (const double factor : {1.0, 1.1, 1.5, 3.0}) {
    CAPTURE(factor);
    options.memory.vram_limit->bytes = static_cast<std::int64_t>(factor * double(least));
    CHECK(run(options).peak <= options.memory.vram_limit->bytes);
  }
  options.memory.vram_limit->bytes = least - 1;
  CHECK(least_named(options) == least);
  CHECK(device::memory_use(device::resolve("sim")).allocated_bytes == 0);
}

TEST_CASE("a share of the device is a limit, too", "[pipelines]") {
  EngineOptions options = on_sim(std::int64_t{1} << 30);
  options.memory.vram_limit = memory::MemoryLimit{.share = 0.25};
  Engine engine(options);
  engine.choose_plan(engine.complete(small_request()));
  REQUIRE(engine.choice());
  CHECK(engine.choice()->budget.bytes == (std::int64_t{1} << 28));
}

TEST_CASE("tiles get smaller if that alone makes the request fit", "[pipelines]") {
  EngineOptions options = on_sim();
  options.memory.vae_tile_latents.reset();
  options.memory.vram_limit = memory::MemoryLimit{.bytes = 1000};
  auto wide = small_request();
  wide.width = 512;
  options.memory.vram_limit->bytes = least_named(options, wide);
  Engine tight(options);
  const auto tile = tight.choose_plan(tight.complete(wide)).vae_tile_latents;
  CHECK(tile < 32);
  REQUIRE_FALSE(tight.choice()->savings.empty());
  const auto& savings = tight.choice()->savings;
  CHECK(std::find(savings.begin(), savings.end(), fmt::format("infer.vae_tile_size={}", tile)) !=
        savings.end());
}

TEST_CASE("guidance branches are offloaded if nothing else fits", "[pipelines]") {
  const c10::InferenceMode inference;
  const memory::PlanRequest devices{.device = c10::Device("cuda:0"), .dtype = at::kBFloat16};
  const auto model = std::filesystem::path(CHITU_SOURCE_DIR) / "assets" / "wan2.1-t2v-14b";
  const Forecaster forecaster(open_pipeline(model, {.device = devices.device, .for_plan = true}),
                              imitated_device(devices.device));
  auto partial = small_request();
  partial.width = 832;
  partial.height = 480;
  const Request request = complete(forecaster.pipeline(), partial);
  memory::MemoryConfig config;
  config.low_mem_level = 3;
  const auto peak = [&](bool interleave, bool offload) {
    memory::MemoryPlan plan = memory::make_plan(config, devices);
    plan.guidance_interleave = interleave;
    plan.offload_activations = offload;
    return forecaster.forecast(request, plan).peak_device_bytes;
  };
  const auto choose = [&](std::int64_t bytes) {
    MemoryBudget budget;
    budget.bytes = bytes;
    budget.source = "the device";
    return choose_plan(forecaster, config, devices, request, budget).forecast.plan;
  };
  const std::int64_t apart = peak(false, false), offloaded = peak(true, true);
  REQUIRE(offloaded < apart);
  CHECK_FALSE(choose(apart).guidance_interleave);
  CHECK_FALSE(choose(apart).offload_activations);
  CHECK(choose(offloaded).guidance_interleave);
  CHECK(choose(offloaded).offload_activations);
  config.offload_activations = false;
  CHECK_THROWS_WITH(choose(offloaded),
                    ContainsSubstring(fmt::format("the least that does is {}B", apart)));
}

TEST_CASE("one engine uses another plan for another request", "[pipelines]") {
  EngineOptions options = on_sim();
  auto large = small_request();
  large.width = 272;
  large.num_frames = 9;
  {
    Engine measure(options);
    measure.choose_plan(measure.complete(large));
    options.memory.vram_limit = memory::MemoryLimit{.bytes = measure.choice()->needed_bytes - 1};
  }
  Engine engine(options);
  for (const auto& partial : {small_request(), large, small_request()}) {
    const Request request = engine.complete(partial);
    Peak peak(engine.choose_plan(request).device);
    Engine::RunOptions how;
    how.observers = {&peak};
    engine.generate(request, {}, how);
    CHECK(peak.bytes <= options.memory.vram_limit->bytes);
    CHECK((engine.plan().low_mem_level == 0) == (partial.width != large.width));
  }
}

/// A budget of much device memory and so many bytes of the host's, 500 of them the process itself.
MemoryBudget on_host(std::int64_t bytes) {
  MemoryBudget budget;
  budget.bytes = std::int64_t{1} << 40;
  budget.source = "plenty";
  budget.host_bytes = bytes;
  budget.host_base_bytes = 500;
  return budget;
}

TEST_CASE("a plan over the host's limit is refused with the lowest limit that would do",
          "[pipelines]") {
  const c10::InferenceMode inference;
  const c10::Device device =
      GENERATE(false, true) ? device::configure_sim({}) : c10::Device(c10::kCPU);
  CAPTURE(device.str());
  const Forecaster forecaster(
      open_pipeline(fixtures() / "wan-unipc", {.device = device, .for_plan = true}),
      imitated_device(device));
  const Request request = complete(forecaster.pipeline(), small_request());
  memory::MemoryConfig config;
  config.low_mem_level = std::nullopt;
  const auto choose = [&](const MemoryBudget& budget) {
    return choose_plan(forecaster, config, {.device = device}, request, budget);
  };
  const auto refusal = [&](const MemoryBudget& budget) -> std::string {
    try {
      choose(budget);
    } catch (const OutOfMemoryError& error) {
      return error.what();
    }
    return "";
  };
  const std::string text = refusal(on_host(1000)), before = "the least that does is ";
  CHECK_THAT(text, Catch::Matchers::StartsWith("infer.host_limit: ") &&
                       ContainsSubstring("level 3 needs "));
  const std::int64_t least = std::stoll(text.substr(text.find(before) + before.size()));
  const PlanChoice choice = choose(on_host(least));
  CHECK(choice.needed_host_bytes <= least);
  CHECK(choice.needed_host_bytes == choice.forecast.peak_host_bytes + 500);
  // The lowest limit is rounded up, so that it still works if the process has grown a little.
  CHECK_THAT(refusal(on_host(2000)), ContainsSubstring(before + std::to_string(least) + "B"));

  MemoryBudget neither = on_host(1000);
  neither.bytes = 1000;
  CHECK_THAT(refusal(neither), Catch::Matchers::StartsWith("plenty: "));
}

TEST_CASE("infer.host_limit alone makes an engine choose the plan", "[pipelines]") {
  EngineOptions options = on_sim();
  options.memory.low_mem_level = 1;
  options.memory.host_limit = memory::MemoryLimit{.bytes = std::int64_t{1} << 40};
  Engine roomy(options);
  roomy.choose_plan(roomy.complete(small_request()));
  REQUIRE(roomy.choice());
  CHECK(roomy.choice()->budget.host_bytes == std::int64_t{1} << 40);
  CHECK(roomy.choice()->budget.host_base_bytes > 0);
  options.memory.host_limit->bytes = 1 << 20;  // less than the process itself
  Engine tight(options);
  CHECK_THROWS_AS(tight.choose_plan(tight.complete(small_request())), OutOfMemoryError);
}

TEST_CASE("running out of memory names the levels that would fit, or what auto would take",
          "[pipelines]") {
  EngineOptions options = on_sim();
  options.memory.low_mem_level = 3;
  const std::int64_t plain = run(options).peak, least = least_named(on_sim(1000));
  REQUIRE(least < plain);
  const auto [capacity, advice] =
      GENERATE_COPY(std::pair(plain, "what would fit: infer.diffusion.low_mem_level=3 needs "),
                    std::pair(least,
                              "what would fit: infer.diffusion.low_mem_level=auto, which "
                              "takes level 3 and needs "),
                    std::pair(least - 1, "no level holds this request here; see chitu plan"));
  options = on_sim(capacity);
  options.memory.low_mem_level = 0;
  Engine engine(options);
  const testing::TemporaryFolder folder;
  try {
    engine.generate(engine.complete(small_request()), {.dir = folder.path()});
    FAIL("expected to run out of memory");
  } catch (const std::exception& error) {
    CHECK(exit_code(error) == 3);
    CHECK_THAT(explain(error), ContainsSubstring(advice));
  }
}

}  // namespace
}  // namespace chitu::pipelines
