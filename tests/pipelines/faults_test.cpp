#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cstdlib>
#include <functional>

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

/// Whether all of the faults are tried, on the demo model, instead of a few on a tiny one.
bool tries_all() { return std::getenv("CHITU_ALL_FAULTS") != nullptr; }

std::filesystem::path model() {
  return tries_all() ? std::filesystem::path(CHITU_SOURCE_DIR) / "assets/demo-t2v"
                     : fixtures() / "wan-unipc";
}

class Patient {
 public:
  explicit Patient(int level)
      : engine_(options(level)), request_(engine_.complete(small_request())) {
    right_ = run();
  }
  ~Patient() {
    device::inject_sim_faults({});
    io::inject_read_fault(0);
  }

  /// Fails calls of one kind, spread over a whole run, one in each run. The run after each must
  /// give the right result and leave nothing behind.
  void suffer(const std::function<std::int64_t()>& calls_so_far,
              const std::function<void(std::int64_t)>& inject, std::int64_t count) {
    const std::int64_t before = calls_so_far();
    run();
    const std::int64_t calls = calls_so_far() - before;
    REQUIRE(calls > 0);
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t number = 1 + i * calls / count;
      CAPTURE(number, calls);
      inject(number);
      try {
        run();
        FAIL_CHECK("the fault went unnoticed");
      } catch (const std::exception& error) {
        const int code = exit_code(error);
        CHECK((code == 1 || code == 3));
        CHECK_THAT(explain(error), Catch::ContainsSubstring("stage "));
      }
      inject(0);
      CHECK(at::equal(run(), right_));
    }
  }

 private:
  static EngineOptions options(int level) {
    EngineOptions options;
    options.ckpt_dir = model();
    options.device = "sim";
    options.memory.low_mem_level = level;
    return options;
  }

  at::Tensor run() {
    const c10::InferenceMode inference;
    const auto file = folder_ / "dump";
    Engine::RunOptions options;
    options.dump_tensors = file;
    engine_.generate(request_, {}, options);
    return io::SafetensorsFile(file).tensor("frames").clone();
  }

  testing::TemporaryFolder folder_;
  Engine engine_;
  Request request_;
  at::Tensor right_;
};

TEST_CASE("after a fault at any call the next request in the same process gives the right result",
          "[pipelines]") {
  const int level = GENERATE(0, 3);
  CAPTURE(level);
  {
    Patient patient(level);
    SECTION("allocations") {
      patient.suffer([] { return device::sim_traffic().allocations; },
                     [](std::int64_t n) { device::inject_sim_faults({.allocation = n}); },
                     tries_all() ? 300 : 12);
    }
    SECTION("copies") {
      patient.suffer(
          [] {
            const auto traffic = device::sim_traffic();
            return traffic.h2d_copies + traffic.d2h_copies;
          },
          [](std::int64_t n) { device::inject_sim_faults({.copy = n}); }, tries_all() ? 100 : 6);
    }
    if (level == 3) {  // below, a second run reads nothing
      SECTION("disk reads") {
        patient.suffer([] { return io::read_count(); },
                       [](std::int64_t n) { io::inject_read_fault(n); }, tries_all() ? 100 : 6);
      }
    }
  }
  CHECK(device::memory_use(device::resolve("sim")).allocated_bytes == 0);
}

}  // namespace
}  // namespace chitu::pipelines
