#include <ATen/ATen.h>

#include <functional>

#include "chitu_core/common/error.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/memory/levels.h"
#include "pipelines/forecast/forecaster.h"
#include "pipelines/observe/operator_times.h"
#include "tests/pipelines/deep_model.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/dry_run_use.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using testing::check_same;

void check_same(const StageForecast& a, const StageForecast& b) {
  CAPTURE(a.name);
  CHECK(a.name == b.name);
  check_same(a.use, b.use);
  check_same(a.lead, b.lead);
  CHECK(a.component == b.component);
  CHECK(a.weight_bytes == b.weight_bytes);
  CHECK(a.passes == b.passes);
}

void check_same(const Forecast& a, const Forecast& b) {
  CHECK(a.plan == b.plan);
  CHECK(a.peak_device_bytes == b.peak_device_bytes);
  CHECK(a.peak_host_bytes == b.peak_host_bytes);
  REQUIRE(a.stages.size() == b.stages.size());
  for (std::size_t i = 0; i < a.stages.size(); ++i) check_same(a.stages[i], b.stages[i]);
  REQUIRE(a.step_stage());
  REQUIRE(b.step_stage());
  CHECK(a.step_stage()->name == b.step_stage()->name);
  check_same(a.step(), b.step());
  CHECK(a.h2d_bytes == b.h2d_bytes);
  CHECK(a.d2h_bytes == b.d2h_bytes);
  CHECK(a.disk_bytes == b.disk_bytes);
  CHECK(a.flops == b.flops);
}

void check_same(const device::DryRunPeak& a, const device::DryRunPeak& b) {
  CHECK(a.where == b.where);
  CHECK(a.made_by == b.made_by);
  REQUIRE(a.held.size() == b.held.size());
  for (std::size_t i = 0; i < a.held.size(); ++i) {
    CHECK(a.held[i].bytes == b.held[i].bytes);
    CHECK(a.held[i].made_by == b.held[i].made_by);
  }
}

/// Forecasts with repeated layers, chunks and tiles counted, and with all of them done.
class BothWays {
 public:
  BothWays(const std::filesystem::path& model, const device::ImitatedDevice& device)
      : sim_(device::configure_sim({})),
        counts_(open(model), device),
        does_(open(model), device, device::Repetition::done) {}

  memory::MemoryPlan plan(const memory::MemoryConfig& config,
                          at::ScalarType dtype = at::kFloat) const {
    return memory::make_plan(config, {.device = sim_, .dtype = dtype});
  }
  Forecast check(const PartialRequest& partial, const memory::MemoryPlan& plan,
                 bool longest_prompts = false) const {
    const Request request = complete(counts_.pipeline(), partial);
    const Forecast counted = counts_.forecast(request, plan, longest_prompts);
    check_same(counted, does_.forecast(request, plan, longest_prompts));
    return counted;
  }
  void check_peak(const PartialRequest& partial, const memory::MemoryPlan& plan) const {
    const std::int64_t bytes = check(partial, plan).peak_bytes();
    const Request request = complete(counts_.pipeline(), partial);
    check_same(counts_.held_at(bytes, request, plan), does_.held_at(bytes, request, plan));
  }
  const Forecaster& counting() const { return counts_; }

 private:
  std::unique_ptr<Pipeline> open(const std::filesystem::path& model) const {
    return open_pipeline(model, {.device = sim_, .for_plan = true});
  }
  c10::Device sim_;
  Forecaster counts_, does_;
};

constexpr device::ImitatedDevice kLikeCuda{
    .host_kernels = false, .granule = 512, .rounds_pinned = true};

using Edit = std::function<void(memory::MemoryConfig&)>;

void rest(memory::MemoryConfig& config, memory::Place place,
          std::optional<memory::StateDtype> dtype = {}) {
  const memory::WeightState state{place, dtype};
  config.states[memory::Role::transformer] = {.offload = state, .onload = state};
  config.states[memory::Role::text_encoder] = {.offload = state, .onload = state};
}

/// Places of weights and modes of guidance: every pair is tried.
const std::vector<Edit> kWeights{
    [](auto&) {},
    [](auto& config) { config.prefetch_blocks = 3; },
    [](auto& config) { rest(config, memory::Place::cpu); },
    [](auto& config) { rest(config, memory::Place::disk, memory::StateDtype::float8_e4m3fn); },
    [](auto& config) { rest(config, memory::Place::cpu, memory::StateDtype::float8_e4m3fn); },
    [](auto& config) { config.text_encoder_on_cpu = true; }};
const std::vector<Edit> kActivations{[](auto&) {},
                                     [](auto& config) { config.guidance_interleave = false; },
                                     [](auto& config) { config.offload_activations = true; },
                                     [](auto& config) { config.activation_chunk = 16; }};

TEST_CASE("a forecast that counts repeated layers equals one that computes all, field by field",
          "[pipelines]") {
  const testing::TemporaryFolder folder;
  const auto model = deep_model(fixtures() / "wan-unipc", folder / "model");
  const BothWays forecasters(model, GENERATE(device::ImitatedDevice{}, kLikeCuda));
  memory::MemoryConfig config;
  config.low_mem_level = GENERATE(0, 1, 2, 3);
  config.vae_tile_latents = 8;
  PartialRequest request = small_request();
  request.width = 80;
  request.num_frames = 25;
  for (std::size_t i = 0; i < kWeights.size(); ++i)
    for (std::size_t j = 0; j < kActivations.size(); ++j) {
      CAPTURE(*config.low_mem_level, i, j);
      memory::MemoryConfig edited = config;
      kWeights[i](edited);
      kActivations[j](edited);
      memory::MemoryPlan plan = forecasters.plan(edited);
      request.num_inference_steps = 1 + static_cast<std::int64_t>(i + j) % 6;
      forecasters.check(request, plan);
      plan.keep_text_kv = !plan.keep_text_kv;
      plan.component("transformer").resident_layers = static_cast<std::int64_t>(j) * 2;
      forecasters.check(request, plan, true);
    }
}

TEST_CASE("the same with residents spread among streamed layers, without guidance, in 16 bit",
          "[pipelines]") {
  const testing::TemporaryFolder folder;
  const auto model = deep_model(fixtures() / "wan-unipc", folder / "model");
  const BothWays forecasters(model, {});
  memory::MemoryConfig config;
  config.low_mem_level = 3;
  const at::ScalarType dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf);
  memory::MemoryPlan plan = forecasters.plan(config, dtype);
  PartialRequest request = small_request();
  request.num_inference_steps = 5;
  for (plan.component("transformer").resident_layers = 0;
       plan.component("transformer").resident_layers < 7;
       ++plan.component("transformer").resident_layers)
    for (request.guidance_scale = 1; *request.guidance_scale < 6; *request.guidance_scale += 4) {
      CAPTURE(dtype, plan.component("transformer").resident_layers, *request.guidance_scale);
      forecasters.check(request, plan);
      forecasters.check_peak(request, plan);
    }
}

TEST_CASE("the same with every way to decode", "[pipelines]") {
  const BothWays forecasters(fixtures() / "wan-unipc",
                             GENERATE(device::ImitatedDevice{}, kLikeCuda));
  memory::MemoryConfig config;
  config.low_mem_level = 3;
  config.vae_tiling =
      GENERATE(memory::VaeTiling::off, memory::VaeTiling::exact, memory::VaeTiling::blend);
  config.vae_tile_latents = GENERATE(8, 24);
  const memory::MemoryPlan plan = forecasters.plan(config);
  PartialRequest request = small_request();
  for (const auto& [width, height, frames] :
       {std::tuple(32, 32, 1), std::tuple(272, 208, 33), std::tuple(208, 656, 17),
        std::tuple(1024, 832, 29)}) {
    CAPTURE(config.vae_tiling, width, height, frames);
    request.width = width;
    request.height = height;
    request.num_frames = frames;
    forecasters.check(request, plan);
  }
}

TEST_CASE("a peak consists of the same tensors", "[pipelines]") {
  const testing::TemporaryFolder folder;
  const auto model = deep_model(fixtures() / "wan-unipc", folder / "model");
  const BothWays forecasters(model, kLikeCuda);
  memory::MemoryConfig config;
  config.low_mem_level = GENERATE(0, 1, 2, 3);
  config.vae_tile_latents = 8;
  PartialRequest request = small_request();
  const auto [width, height, frames] =
      GENERATE(std::tuple(32, 32, 5), std::tuple(272, 128, 17), std::tuple(512, 512, 1));
  request.width = width;
  request.height = height;
  request.num_frames = frames;
  forecasters.check_peak(request, forecasters.plan(config));
}

/// How often a dry run calls the operator.
std::int64_t calls_of(const char* name, const Forecaster& forecaster, const PartialRequest& partial,
                      const memory::MemoryPlan& plan) {
  const Request request = complete(forecaster.pipeline(), partial);
  const OperatorTimes times;
  forecaster.forecast(request, plan);
  for (const OperatorTime& each : times.hottest())
    if (each.name == name) return each.calls;
  return 0;
}

TEST_CASE("a forecast of more layers, steps, frames or pixels takes no more work", "[pipelines]") {
  const testing::TemporaryFolder folder;
  const auto deep = deep_model(fixtures() / "wan-unipc", folder / "model");
  const BothWays tiny_forecasters(fixtures() / "wan-unipc", {}), deep_forecasters(deep, {});
  memory::MemoryConfig config;
  config.low_mem_level = GENERATE(0, 3);
  const char* name = GENERATE("aten::linear", "aten::scaled_dot_product_attention", "aten::mul");
  CAPTURE(name);
  const memory::MemoryPlan plan = deep_forecasters.plan(config);
  PartialRequest request = small_request();
  request.width = request.height = 8192;
  request.num_frames = 33;
  request.num_inference_steps = 6;
  const auto calls = [&](const BothWays& forecasters) {
    return calls_of(name, forecasters.counting(), request, plan);
  };
  const std::int64_t few = calls(tiny_forecasters);
  CHECK(few > 0);
  CHECK(calls(deep_forecasters) == few);
  request.num_inference_steps = 50;
  CHECK(calls(deep_forecasters) == few);
  request.num_frames = 81;
  CHECK(calls(deep_forecasters) == few);
  request.width = request.height = 16384;
  CHECK(calls(deep_forecasters) == few);
}

}  // namespace
}  // namespace chitu::pipelines
