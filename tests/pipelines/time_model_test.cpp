#include "pipelines/forecast/time_model.h"

#include <nlohmann/json.hpp>

#include "pipelines/forecast/level_forecaster.h"
#include "pipelines/forecast/plan_json.h"
#include "pipelines/machine/profile_rates.h"
#include "pipelines/observe/metrics.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using Catch::Matchers::WithinRel;

constexpr double kClose = 1e-12;

/// Round figures per second: 100 operations, 10 bytes over the link, 5 from disk.
DeviceProfile round_profile() {
  DeviceProfile profile;
  profile.name = "round";
  profile.flops.bfloat16 = 100;
  profile.flops.float32 = 50;
  profile.link_bandwidth = 10;
  profile.disk_bandwidth = 5;
  return profile;
}

Work bfloat16_work(double flops, std::int64_t h2d, std::int64_t disk) {
  Work work;
  work.dtype = at::kBFloat16;
  work.use.flops = flops;
  work.use.h2d = h2d;
  work.use.disk = disk;
  return work;
}

TEST_CASE("work takes as long as the longest of arithmetic, copies and reads", "[pipelines]") {
  const auto compute = least_time(bfloat16_work(1000, 50, 20), round_profile());
  CHECK(compute.compute_s == 10);
  CHECK(compute.link_s == 5);
  CHECK(compute.disk_s == 4);
  CHECK(compute.total_s == 10);
  CHECK(compute.bound_by == "arithmetic");
  const auto link = least_time(bfloat16_work(1000, 110, 20), round_profile());
  CHECK(link.total_s == 11);
  CHECK(link.bound_by == "host link");
  const auto disk = least_time(bfloat16_work(1000, 110, 60), round_profile());
  CHECK(disk.total_s == 12);
  CHECK(disk.bound_by == "disk");
  CHECK(least_time(Work(), round_profile()).bound_by == "nothing");
}

TEST_CASE("copies in both directions overlap", "[pipelines]") {
  Work work = bfloat16_work(0, 30, 0);
  work.use.d2h = 70;
  CHECK(least_time(work, round_profile()).total_s == 7);
}

TEST_CASE("arithmetic waits for the lead", "[pipelines]") {
  Work work = bfloat16_work(1000, 50, 20);
  SECTION("weights that come whole hide behind nothing") {
    work.lead = work.use;
    work.lead.flops = 0;
    CHECK(least_time(work, round_profile()).total_s == 5 + 10);
    CHECK(least_time(work, round_profile()).bound_by == "arithmetic");
  }
  SECTION("of a streamed component the first layer alone does not") {
    work.lead.h2d = 5;
    work.lead.disk = 10;  // read while the copy goes on: 2 s, not 2.5
    CHECK(least_time(work, round_profile()).lead_s == 2);
    CHECK(least_time(work, round_profile()).total_s == 2 + 10);
  }
  SECTION("what was computed meanwhile is not counted twice") {
    work.lead.h2d = 20;
    work.lead.flops = 300;
    CHECK(least_time(work, round_profile()).total_s == 10);
    work.lead.h2d = 50;
    CHECK(least_time(work, round_profile()).total_s == 5 + 7);
  }
  SECTION("mostly loading") {
    work.use.h2d = work.lead.h2d = 200;
    CHECK(least_time(work, round_profile()).total_s == 30);
    CHECK(least_time(work, round_profile()).bound_by == "loading");
  }
}

TEST_CASE("the rate depends on the dtype of the arithmetic", "[pipelines]") {
  DeviceProfile profile = round_profile();
  CHECK(rate_of(profile, at::kBFloat16) == 100);
  CHECK(rate_of(profile, at::kFloat) == 50);
  CHECK(rate_of(profile, at::kHalf) == 100);  // unknown: no slower than the fastest
  profile.flops.tfloat32 = 80;
  CHECK(rate_of(profile, at::kFloat) == 80);
  profile.flops.float8 = 200;
  CHECK(rate_of(profile, at::kFloat8_e4m3fn) == 200);
  CHECK(rate_of(profile, at::kBFloat16) == 100);
  CHECK_FALSE(rate_of(DeviceProfile(), at::kFloat));
}

TEST_CASE("rates that the profile does not have count as no time", "[pipelines]") {
  const auto time = least_time(bfloat16_work(1000, 50, 20), DeviceProfile());
  CHECK(time.total_s == 0);
}

TEST_CASE("arithmetic on another device takes no time of this one", "[pipelines]") {
  Work work = bfloat16_work(1000, 50, 20);
  work.computes_there = false;
  work.passes = 3;
  work.weight_bytes = std::int64_t{1} << 40;
  DeviceProfile profile = round_profile();
  profile.memory_bandwidth = 1;
  CHECK(least_time(work, profile).total_s == 5);
}

TEST_CASE("a profile describes the devices of its kind, and sim in place of any", "[pipelines]") {
  DeviceProfile profile;
  CHECK(describes(profile, c10::kCPU));
  profile.device = "cuda";
  CHECK(describes(profile, c10::Device("cuda:1")));
  CHECK(describes(profile, c10::Device(c10::kPrivateUse1, 0)));
  CHECK_FALSE(describes(profile, c10::kCPU));
}

TEST_CASE("weights larger than any cache are read by every pass", "[pipelines]") {
  Work work;
  DeviceProfile profile = round_profile();
  profile.memory_bandwidth = double(1 << 20);
  work.passes = 3;
  work.weight_bytes = 1 << 30;
  CHECK(least_time(work, profile).total_s == 0);
  work.weight_bytes += 1 << 20;
  CHECK(least_time(work, profile).total_s == 3);
  CHECK(least_time(work, profile).bound_by == "device memory");
}

/// A profile whose arithmetic, link or disk is what takes time.
DeviceProfile slow(const std::string& part) {
  DeviceProfile profile;
  profile.flops.bfloat16 = profile.flops.float32 = part == "arithmetic" ? 1e6 : 1e18;
  profile.link_bandwidth = part == "host link" ? 1e3 : 1e15;
  profile.disk_bandwidth = part == "disk" ? 1e3 : 1e15;
  return profile;
}

EngineOptions tiny() {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "cuda";
  options.memory.vae_tile_latents = 8;
  return options;
}

TEST_CASE("a request's least time is the sum of its stages, a step's is that of the forecast",
          "[pipelines]") {
  EngineOptions options = tiny();
  const std::string part = GENERATE("arithmetic", "host link", "disk");
  options.profile = slow(part);
  const LevelForecaster forecaster(options);
  const Request request = complete(forecaster.pipeline(), small_request());
  for (const int level : {0, 3}) {
    CAPTURE(part, level);
    const LevelForecast plan = forecaster.plan(level, request, false);
    REQUIRE(plan.least_time);
    const RequestTime& time = *plan.least_time;
    double sum = 0;
    for (const auto& stage : time.stages) sum += stage.time.total_s;
    CHECK_THAT(time.total_s, WithinRel(sum, kClose));
    const auto step = plan.forecast.step();
    if (part == "arithmetic")
      CHECK_THAT(time.step.total_s, WithinRel(step.flops / 1e6, 1e-6));
    else if (level == 3)
      CHECK_THAT(time.step.total_s,
                 WithinRel(double(part == "disk" ? step.disk : step.h2d) / 1e3, 1e-6));
    if (part == "disk")  // nothing is computed before it is read
      CHECK_THAT(time.total_s, WithinRel(double(plan.forecast.disk_bytes) / 1e3, 1e-6));
  }
}

TEST_CASE("the lead of a stage is its whole component, or what is loaded up to its first layer",
          "[pipelines]") {
  const LevelForecaster forecaster(tiny());
  const Request request = complete(forecaster.pipeline(), small_request());
  const auto stage_of = [](const LevelForecast& plan, const std::string& name) {
    for (const StageForecast& stage : plan.forecast.stages)
      if (stage.name == name) return stage;
    FAIL("no stage " << name);
    return StageForecast();
  };
  const LevelForecast resident = forecaster.plan(0, request, false);
  const StageForecast denoise = stage_of(resident, "denoise");
  CHECK(denoise.component == "transformer");
  CHECK(denoise.passes == request.num_inference_steps);
  CHECK(denoise.lead.h2d == resident.components[1].onload_bytes);
  CHECK(denoise.lead.disk == denoise.use.disk);
  CHECK(denoise.lead.flops == 0);
  CHECK(stage_of(resident, "prepare_latents").component.empty());
  const LevelForecast streamed = forecaster.plan(3, request, false);
  const StageForecast layers = stage_of(streamed, "denoise");
  CHECK(layers.lead.h2d > 0);
  CHECK(layers.lead.h2d < denoise.lead.h2d + 4096);
  CHECK(layers.lead.h2d < layers.use.h2d);
  CHECK(layers.lead.disk < layers.use.disk);
  CHECK(layers.lead.flops < layers.use.flops);
  REQUIRE(resident.forecast.step_stage());
  CHECK(resident.forecast.step_stage()->name == "denoise");
}

TEST_CASE("weights stored in float8 compute at the rate of bfloat16", "[pipelines]") {
  EngineOptions options = tiny();
  options.profile = slow("arithmetic");
  options.profile->flops.float8 = 1e18;
  options.memory.states[memory::Role::transformer].offload.dtype =
      memory::StateDtype::float8_e4m3fn;
  options.memory.states[memory::Role::transformer].onload.dtype = memory::StateDtype::float8_e4m3fn;
  options.memory.states[memory::Role::transformer].preparing.dtype =
      memory::StateDtype::float8_e4m3fn;
  const LevelForecaster forecaster(options);
  const Request request = complete(forecaster.pipeline(), small_request());
  const LevelForecast plan = forecaster.plan(0, request, false);
  CHECK_THAT(plan.least_time->step.compute_s, WithinRel(plan.forecast.step().flops / 1e6, kClose));
}

TEST_CASE("a text encoder on the CPU takes time if the profile has rates of a CPU", "[pipelines]") {
  EngineOptions options = tiny();
  options.memory.text_encoder_on_cpu = true;
  options.profile = slow("arithmetic");
  const auto encoding = [&](const std::string& device) {
    options.profile->device = device;
    const LevelForecaster forecaster(options);
    const Request request = complete(forecaster.pipeline(), small_request());
    const RequestTime time = *forecaster.plan(0, request, false).least_time;
    for (const auto& stage : time.stages)
      if (stage.name != "encode_text") CHECK(stage.arithmetic_counted);
    return time.stages.at(1);
  };
  CHECK(encoding("cuda").name == "encode_text");
  CHECK_FALSE(encoding("cuda").arithmetic_counted);
  CHECK(encoding("cuda").time.compute_s == 0);
  CHECK(encoding("cpu").arithmetic_counted);
  CHECK(encoding("cpu").time.compute_s > 0);
  options.memory.text_encoder_on_cpu = false;
  CHECK(encoding("cuda").arithmetic_counted);
}

EngineOptions choosing(const DeviceProfile& profile) {
  EngineOptions options = tiny();
  options.device = "sim";
  options.memory.low_mem_level = std::nullopt;
  options.profile = profile;
  return options;
}

int chosen_level(const EngineOptions& options, nlohmann::json* said = nullptr) {
  Engine engine(options);
  const int level = engine.choose_plan(engine.complete(small_request())).low_mem_level;
  if (said) *said = to_json(*engine.choice());
  return level;
}

TEST_CASE("of the plans that fit, the one with the shortest predicted time is chosen",
          "[pipelines]") {
  EngineOptions options = choosing(slow("arithmetic"));
  CHECK(chosen_level(options) == 0);  // tiles compute more
  // Reading whole components is serial with computing; at level 3 one hides the other.
  nlohmann::json said;
  DeviceProfile loading = slow("arithmetic");
  loading.flops.float32 = 1e9;
  loading.disk_bandwidth = 1e6;
  options.profile = loading;
  options.memory.vae_tiling = memory::VaeTiling::off;
  const int level = chosen_level(options, &said);
  CHECK(said.at("predicted").size() == 4);
  double least = said.at("predicted_least_seconds");
  for (const auto& one : said.at("predicted")) {
    CHECK(least <= one.at("least_seconds").get<double>() / 0.99);
    if (one.at("low_mem_level") == level) CHECK(one.at("least_seconds") == least);
  }
  CAPTURE(said.dump(1));
  CHECK(level > 0);
}

TEST_CASE("for equal times, and without a profile, the first level that fits is chosen",
          "[pipelines]") {
  EngineOptions options = choosing(DeviceProfile());  // knows no rates: all take 0 s
  CHECK(chosen_level(options) == 0);
  options.profile.reset();
  nlohmann::json said;
  CHECK(chosen_level(options, &said) == 0);
  CHECK_FALSE(said.contains("predicted"));
  CHECK_FALSE(said.contains("predicted_least_seconds"));
}

TEST_CASE("device auto means the profile's device in a plan", "[pipelines]") {
  EngineOptions options = tiny();
  options.device = "auto";
  options.profile = DeviceProfile();
  options.profile->device = GENERATE("cuda", "cpu");
  const LevelForecaster forecaster(options);
  CHECK(forecaster.device_name() == (options.profile->device == "cpu" ? "cpu" : "cuda:0"));
  CHECK(forecaster.host_computes() == (options.profile->device == "cpu"));
}

TEST_CASE("a plan compares with the profile's memory, unless a capacity is given", "[pipelines]") {
  EngineOptions options = tiny();
  options.profile = DeviceProfile();
  options.profile->memory_bytes = 12345;
  CHECK(LevelForecaster(options).capacity_bytes() == 12345);
  options.sim.capacity_bytes = 54321;
  CHECK(LevelForecaster(options).capacity_bytes() == 54321);
}

}  // namespace
}  // namespace chitu::pipelines
