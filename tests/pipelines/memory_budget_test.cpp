#include "pipelines/forecast/memory_budget.h"

#include <fmt/format.h>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "pipelines/engine.h"
#include "pipelines/forecast/level_forecaster.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;
using memory::MemoryLimit;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

/// A device that has 24 GiB, 20 of them free.
MemoryFacts at_hand() {
  MemoryFacts facts;
  facts.device = "cuda:0";
  facts.room = device::MemoryRoom{24 * kGiB, 20 * kGiB};
  facts.host_total_bytes = 64 * kGiB;
  facts.process_bytes = kGiB;
  return facts;
}

memory::MemoryConfig limited(const MemoryLimit& limit) {
  memory::MemoryConfig config;
  config.vram_limit = limit;
  return config;
}

TEST_CASE("a budget is the lowest of limit, declared memory and free memory", "[pipelines]") {
  MemoryFacts facts = at_hand();
  const auto source = [&](const memory::MemoryConfig& config) {
    const MemoryBudget budget = memory_budget(config, facts);
    return fmt::format("{} {}", budget.bytes.value_or(0) / kGiB, budget.source);
  };
  CHECK(source({}) == "20 free memory of cuda:0");
  CHECK(source(limited({.bytes = 100 * kGiB})) == "20 free memory of cuda:0");
  CHECK(source(limited({.bytes = 6 * kGiB})) == "6 infer.vram_limit");
  CHECK(source(limited({.share = 0.5})) == "12 infer.vram_limit");
  facts.declared = MemoryBound{16 * kGiB, "device.capacity"};
  CHECK(source({}) == "16 device.capacity");
  CHECK(source(limited({.bytes = 100 * kGiB})) == "16 device.capacity");
  CHECK(source(limited({.bytes = 6 * kGiB})) == "6 infer.vram_limit");
  CHECK(source(limited({.share = 0.5})) == "8 infer.vram_limit");
  facts.declared->bytes = 80 * kGiB;
  CHECK(source({}) == "20 free memory of cuda:0");
  facts.room.reset();  // not at hand
  CHECK(source({}) == "80 device.capacity");
  facts.declared.reset();
  CHECK(source({}) == "0 ");
  CHECK(source(limited({.share = 0.5})) == "0 ");  // a share of an unknown size
  CHECK(source(limited({.bytes = 6 * kGiB})) == "6 infer.vram_limit");
}

TEST_CASE("the process counts as host memory, and as device memory if the host computes",
          "[pipelines]") {
  MemoryFacts facts = at_hand();
  memory::MemoryConfig config;
  config.host_limit = MemoryLimit{.share = 0.25};
  CHECK(memory_budget(config, facts).base_bytes == 0);
  CHECK(memory_budget(config, facts).host_base_bytes == kGiB);
  CHECK(memory_budget(config, facts).host_bytes == 16 * kGiB);
  facts.host_computes = true;
  CHECK(memory_budget(config, facts).base_bytes == kGiB);
}

TEST_CASE("what libraries keep on an accelerator counts with the tensors", "[pipelines]") {
  MemoryFacts facts = at_hand();
  facts.library_bytes = kGiB;
  Forecast forecast;
  forecast.peak_device_bytes = 5 * kGiB;
  forecast.plan.device = c10::Device("cuda:0");
  const auto fits_into = [&](std::int64_t bytes) {
    return fits(forecast, memory_budget(limited({.bytes = bytes}), facts)).value();
  };
  CHECK(fits_into(6 * kGiB));
  CHECK_FALSE(fits_into(6 * kGiB - 1));
  const MemoryBudget budget = memory_budget(limited({.bytes = 6 * kGiB}), facts);
  CHECK(least_limit(needed_bytes(forecast, budget), budget.base_bytes) == 6 * kGiB);
}

TEST_CASE("a profile declares the memory of a device that it describes, a capacity that of any",
          "[pipelines]") {
  DeviceProfile profile;
  profile.memory_bytes = 12 * kGiB;
  profile.device = "cuda";
  CHECK(declared_memory({}, profile, c10::Device("cuda:0"))->source == "device.profile.memory");
  CHECK_FALSE(declared_memory({}, profile, c10::kCPU));
  CHECK(declared_memory(kGiB, profile, c10::kCPU)->bytes == kGiB);
  CHECK_FALSE(declared_memory({}, {}, c10::kCPU));
}

TEST_CASE("the lowest limit leaves room for a process of another size", "[pipelines]") {
  CHECK(least_limit(12345, 0) == 12345);  // tensors alone are always the same
  const std::int64_t process = 171 << 20, needed = process + 12345;
  const std::int64_t least = least_limit(needed, process);
  CHECK(least >= needed + (4 << 20));
  CHECK(least <= needed + (6 << 20));
  CHECK(least % (1 << 20) == 0);
}

TEST_CASE("a run that exceeded a limit reports which, and by how much", "[pipelines]") {
  MemoryBudget budget;
  budget.bytes = 100 << 20;
  budget.source = "infer.vram_limit";
  budget.host_bytes = 300 << 20;
  CHECK(overruns(budget, 100 << 20, 300 << 20).empty());
  const auto both = overruns(budget, 101 << 20, 320 << 20);
  REQUIRE(both.size() == 2);
  CHECK(both[0].source == "infer.vram_limit");
  CHECK_THAT(to_string(both[1]),
             Catch::Matchers::StartsWith("infer.host_limit: the run held 320.0 MiB, 20.0 MiB more "
                                         "than the limit of 300.0 MiB"));
  budget.source = "free memory of cpu";  // not a limit
  CHECK(overruns(budget, 101 << 20, 0).empty());
}

// --- plan and run -------------------------------------------------------------------------------

/// The plan that `plan` and a run choose, or why none.
struct Taken {
  std::optional<memory::MemoryPlan> plan;
  std::string refusal;
};

Taken planned(const EngineOptions& options) {
  const LevelForecaster forecaster(options);
  const Request request = complete(forecaster.pipeline(), small_request());
  const ChosenPlan chosen = forecaster.chosen(forecaster.forecasts(request, false));
  if (!chosen.plan) return {{}, chosen.refusal};
  CHECK(chosen.plan->fits.value_or(true));
  return {chosen.plan->forecast.plan, ""};
}

Taken run(const EngineOptions& options) {
  const testing::TemporaryFolder folder;
  Engine engine(options);
  try {
    const Request request = engine.complete(small_request());
    engine.choose_plan(request);
    if (options.device != "cpu")
      engine.generate(request, {.formats = {OutputFormat::frames}, .dir = folder.path()});
    return {engine.plan(), ""};
  } catch (const std::exception& error) {
    REQUIRE(exit_code(error) == exit_codes::kOutOfMemory);
    return {{}, explain(error)};
  }
}

EngineOptions tiny_on(const std::string& device) {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = device;
  return options;
}

/// Peaks of the levels where they compute, without the process.
std::vector<std::int64_t> peaks_on(const std::string& device) {
  const LevelForecaster forecaster(tiny_on(device));
  const Request request = complete(forecaster.pipeline(), small_request());
  std::vector<std::int64_t> peaks;
  for (int level = 0; level < 4; ++level)
    peaks.push_back(forecaster.plan(level, request, false).forecast.peak_bytes());
  return peaks;
}

/// The cases of one device: each plan must agree with the run.
class Agreement {
 public:
  explicit Agreement(std::string device) : device_(std::move(device)) {}

  std::optional<std::int64_t> capacity;
  std::optional<MemoryLimit> limit, host_limit;
  std::optional<int> level;

  void check() {
    EngineOptions options = tiny_on(device_);
    options.sim.capacity_bytes = capacity;
    options.memory.low_mem_level = level;
    options.memory.vram_limit = limit;
    options.memory.host_limit = host_limit;
    CAPTURE(device_, capacity.value_or(-1), level.value_or(-1));
    const auto bound = limit.value_or(memory::MemoryLimit{});
    CAPTURE(bound.bytes, bound.share);
    const Taken plan = planned(options), taken = run(options);
    INFO("plan: " << plan.refusal << "\nrun: " << taken.refusal);
    CHECK(plan.plan.has_value() == taken.plan.has_value());
    CHECK(plan.plan == taken.plan);
    ++(taken.plan ? accepted : refused);
  }
  int accepted = 0, refused = 0;

 private:
  std::string device_;
};

TEST_CASE("plan and run agree for every pair of capacity and limit of the simulated device",
          "[pipelines]") {
  const auto peaks = peaks_on("sim");
  const std::int64_t most = peaks[0], between = (peaks[0] + peaks[3]) / 2;
  REQUIRE(peaks[3] < between);
  const std::optional<std::int64_t> none;
  Agreement sim("sim");
  for (const std::optional<int>& level : {std::optional<int>(), std::optional(0), std::optional(3)})
    for (const auto& capacity : {none, std::optional(peaks[3] / 2), std::optional(between),
                                 std::optional(most - 1), std::optional(most)})
      for (const auto& limit :
           {std::optional<MemoryLimit>(), std::optional(MemoryLimit{.bytes = 1000}),
            std::optional(MemoryLimit{.bytes = between}), std::optional(MemoryLimit{.bytes = most}),
            std::optional(MemoryLimit{.bytes = 100 * kGiB}),
            std::optional(MemoryLimit{.share = 0.6})}) {
        sim.level = level;
        sim.capacity = capacity;
        sim.limit = limit;
        sim.check();
      }
  CHECK(sim.accepted > 20);
  CHECK(sim.refused > 20);
}

TEST_CASE("plan and run agree on limits of the host", "[pipelines]") {
  Agreement sim("sim");
  for (const std::optional<int>& level : {std::optional<int>(), std::optional(2)})
    for (const std::int64_t limit : {std::int64_t{1} << 20, 100 * kGiB})
      for (const std::int64_t capacity : {std::int64_t{1000}, kGiB}) {
        sim.level = level;
        sim.host_limit = MemoryLimit{.bytes = limit};
        sim.capacity = capacity;
        sim.check();
      }
  CHECK(sim.accepted == 2);
  CHECK(sim.refused == 6);
}

TEST_CASE("plan and run agree for every pair of capacity and limit of the CPU", "[pipelines]") {
  Agreement cpu("cpu");
  const std::optional<std::int64_t> small = std::int64_t{1} << 20, large = 4 * kGiB;
  for (const std::optional<int>& level : {std::optional<int>(), std::optional(0), std::optional(3)})
    for (const auto& capacity : {std::optional<std::int64_t>(), small, large})
      for (const auto& limit :
           {std::optional<MemoryLimit>(), std::optional(MemoryLimit{.bytes = *small}),
            std::optional(MemoryLimit{.bytes = *large}),
            std::optional(MemoryLimit{.share = 0.9})}) {
        cpu.level = level;
        cpu.capacity = capacity;
        cpu.limit = limit;
        cpu.check();
      }
  CHECK(cpu.accepted == 18);
  CHECK(cpu.refused == 18);
}

TEST_CASE("a refusal names the memory there is, the lowest limit, and what of the request fits",
          "[pipelines]") {
  EngineOptions options = tiny_on("sim");
  options.memory.low_mem_level.reset();
  PartialRequest long_clip = small_request();
  long_clip.num_frames = 21;
  const auto refusal = [&](const PartialRequest& partial) -> std::string {
    Engine engine(options);
    try {
      engine.choose_plan(engine.complete(partial));
    } catch (const OutOfMemoryError& error) {
      return error.what();
    }
    return "";
  };
  const auto least_of = [](const std::string& text) {
    const std::string before = "the least that does is ";
    return std::stoll(text.substr(text.find(before) + before.size()));
  };
  options.memory.vram_limit = MemoryLimit{.bytes = 1000};
  CHECK_THAT(refusal(long_clip), ContainsSubstring("neither fewer frames nor a smaller picture"));
  const std::int64_t least = least_of(refusal(long_clip));
  options.memory.vram_limit->bytes = least - 1;
  const std::string text = refusal(long_clip), before = "what would fit there: num_frames=";
  REQUIRE_THAT(text,
               Catch::Matchers::StartsWith("infer.vram_limit: ") && ContainsSubstring(before));
  PartialRequest shorter = long_clip;
  shorter.num_frames = std::stoll(text.substr(text.find(before) + before.size()));
  CHECK(*shorter.num_frames < 21);
  CHECK(refusal(shorter).empty());
  shorter.num_frames = *shorter.num_frames + 4;
  CHECK_FALSE(refusal(shorter).empty());
  // A limit above the device's memory is not enough.
  options.sim.capacity_bytes = 2000;
  options.memory.vram_limit->bytes = 1000;
  CHECK_THAT(refusal(long_clip), ContainsSubstring("; device.capacity is 2.0 KiB"));
}

TEST_CASE("every amount that a refusal names for a level is enough for that level", "[pipelines]") {
  EngineOptions options = tiny_on("sim");
  options.memory.low_mem_level.reset();
  options.memory.vram_limit = MemoryLimit{.bytes = 1000};
  const std::string text = [&]() -> std::string {
    Engine engine(options);
    try {
      engine.choose_plan(engine.complete(small_request()));
    } catch (const OutOfMemoryError& error) {
      return error.what();
    }
    return "";
  }();
  for (int level = 0; level < 4; ++level) {
    const std::string before = fmt::format("level {} needs ", level);
    const std::size_t at = text.find(before);
    REQUIRE(at != std::string::npos);
    const std::size_t from = at + before.size();
    const auto bytes = parse_bytes(text.substr(from, text.find_first_of(",;", from) - from));
    REQUIRE(bytes);
    options.memory.low_mem_level = level;
    options.memory.vram_limit->bytes = *bytes;
    Engine engine(options);
    CHECK_NOTHROW(engine.choose_plan(engine.complete(small_request())));
  }
}

}  // namespace
}  // namespace chitu::pipelines
