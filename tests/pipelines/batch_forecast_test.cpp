#include "pipelines/batch/batch_forecast.h"

#include <algorithm>

#include "chitu_core/common/registry.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/io/safetensors.h"
#include "pipelines/spill/spill.h"
#include "tests/pipelines/batch_world.h"
#include "tests/pipelines/deep_model.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

/// What a window costs on the simulated device, and the most that lay in the spill folder.
struct Measured final : BatchLog {
  explicit Measured(std::filesystem::path spill_dir) : folder(std::move(spill_dir)) {}
  void stage_end(std::string_view, std::span<const std::size_t>) override {
    most_bytes = std::max(most_bytes, device::memory_use(device::resolve("sim")).peak_bytes);
  }
  std::filesystem::path folder;
  std::int64_t most_bytes = 0;
};

std::vector<Request> requests_of(const BatchWorld& world) {
  std::vector<Request> requests;
  for (const BatchItem& item : world.items) requests.push_back(item.request);
  return requests;
}

void check_forecast(BatchWorld& world, const EngineOptions& options, std::int64_t window) {
  const LevelForecaster forecaster(options);
  const auto forecast =
      forecast_batch(forecaster, *options.memory.low_mem_level, requests_of(world),
                     {window, world.options.size, world.options.spill_limit_bytes});
  CHECK(forecast.plan == world.engine.plan());
  Measured measured(world.options.spill_dir);
  const auto before = device::sim_traffic();
  const std::int64_t read_before = io::read_bytes();
  std::int64_t windows = 0;
  for (std::size_t i = 0; i < world.items.size(); i += static_cast<std::size_t>(window)) {
    const auto count = std::min(static_cast<std::size_t>(window), world.items.size() - i);
    world.engine.generate_batch(std::span(world.items).subspan(i, count), world.options, measured);
    ++windows;
  }
  const auto after = device::sim_traffic();
  CHECK(forecast.windows == windows);
  CHECK(forecast.peak_device_bytes == measured.most_bytes);
  CHECK(forecast.h2d_bytes == after.h2d_bytes - before.h2d_bytes);
  CHECK(forecast.d2h_bytes == after.d2h_bytes - before.d2h_bytes);
  CHECK(forecast.disk_bytes == io::read_bytes() - read_before);
}

TEST_CASE("a batch is planned to the byte: peaks, copies and reads", "[batch][forecast]") {
  const testing::TemporaryFolder folder;
  EngineOptions options = tiny_on("sim", GENERATE(0, 1, 2, 3));
  CAPTURE(*options.memory.low_mem_level);
  std::int64_t window = 4, size = 2;
  SECTION("groups of two") {}
  SECTION("all together") { size = 4; }
  SECTION("several windows") { window = 2; }
  SECTION("one by one") { size = 1; }
  SECTION("activations that wait on the host") { options.memory.offload_activations = true; }
  SECTION("guidance branches one after the other") { options.memory.guidance_interleave = false; }
  SECTION("many layers") {
    options.ckpt_dir = deep_model(fixtures() / "wan-unipc", folder / "model");
  }
  BatchWorld world(options);
  world.options.size = size;
  world.add_alike(3);
  auto other = small_request();
  other.width = 48;
  other.guidance_scale = 1;
  world.add(other);
  check_forecast(world, options, window);
}

TEST_CASE("a window takes the spill that is planned for it, and not a byte less", "[batch]") {
  const EngineOptions options = tiny_on("cpu", 3);
  BatchWorld world(options);
  world.add_alike(4);
  const LevelForecaster forecaster(options);
  const auto forecast = forecast_batch(forecaster, 3, requests_of(world), {4, 1, 1 << 30});
  CHECK(forecast.largest_window == 4);
  BatchLog log;
  world.options.spill_limit_bytes = forecast.spill_bytes - 1;
  CHECK_THROWS_WITH(world.run(log), ContainsSubstring("batch.spill_limit="));
  world.options.spill_limit_bytes = forecast.spill_bytes;
  world.run(log);
  CHECK(log.saved.size() == 4);
}

TEST_CASE("the largest window is the one whose values fit", "[batch]") {
  const EngineOptions options = tiny_on("cpu", 0);
  BatchWorld world(options);
  world.add_alike(4);
  const LevelForecaster forecaster(options);
  const auto spill_of = [&](std::int64_t window) {
    const auto requests = requests_of(world);
    return forecast_batch(forecaster, 0,
                          std::span(requests).first(static_cast<std::size_t>(window)),
                          {window, 1, 0})
        .spill_bytes;
  };
  const auto largest = [&](std::int64_t limit) {
    return forecast_batch(forecaster, 0, requests_of(world), {4, 1, limit}).largest_window;
  };
  CHECK(largest(0) == 0);
  CHECK(largest(spill_of(4) + 64) == 4);
  CHECK(largest(spill_of(2) + 64) == 2);
}

TEST_CASE("the plan of a window has room for all that a group holds", "[batch]") {
  EngineOptions options = tiny_on("sim", 0);
  options.memory.low_mem_level.reset();
  BatchWorld world(options);
  world.add_alike(4);
  const LevelForecaster all(options);
  const auto need = [&](int level, std::int64_t size) {
    return forecast_batch(all, level, requests_of(world), {4, size, 1 << 30}).peak_device_bytes;
  };
  CHECK(need(3, 1) < need(3, 4));

  SECTION("a limit for one at a time refuses four, and says what fits") {
    options.sim.capacity_bytes = need(3, 1) + 1024;
    BatchWorld tight(options);
    tight.add_alike(4);
    tight.options.size = 4;
    BatchLog log;
    CHECK_THROWS_WITH(tight.run(log), ContainsSubstring("do not hold 4 requests at a time") &&
                                          ContainsSubstring("what would fit there: batch.size="));
    CHECK(log.stages.empty());
    tight.options.size = 1;
    tight.run(log);
    CHECK(log.saved.size() == 4);
  }
  SECTION("of a limit that is enough the fastest level is taken") {
    options.sim.capacity_bytes = need(0, 4) + 4096;
    BatchWorld wide(options);
    wide.add_alike(4);
    wide.options.size = 4;
    BatchLog log;
    wide.run(log);
    CHECK(wide.engine.plan().low_mem_level == 0);
    CHECK(log.saved.size() == 4);
  }
}

}  // namespace
}  // namespace chitu::pipelines
