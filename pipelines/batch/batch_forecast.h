#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "pipelines/forecast/level_forecaster.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// How a list of requests is cut.
struct BatchShape {
  std::int64_t window = 1;             ///< requests that go stage by stage together
  std::int64_t size = 1;               ///< as BatchOptions::size
  std::int64_t spill_limit_bytes = 0;  ///< as BatchOptions::spill_limit_bytes
};

/// What a whole batch would take with one memory plan.
struct BatchForecast {
  memory::MemoryPlan plan;
  std::int64_t windows = 0;
  std::int64_t peak_device_bytes = 0;  ///< 0 where the host is the device
  std::int64_t peak_host_bytes = 0;    ///< of tensors, without the process itself
  std::int64_t h2d_bytes = 0, d2h_bytes = 0, disk_bytes = 0;  ///< of all windows
  double flops = 0;
  std::optional<double> least_s{};  ///< of all windows; empty without a profile
  std::optional<bool> fits{};       ///< empty when no capacity is known
  std::int64_t spill_bytes = 0;     ///< most that waits on disk at a time
  /// The largest window, up to the number of requests, whose values fit the spill limit whatever
  /// requests are in it; 0 = not even one.
  std::int64_t largest_window = 0;
};

/// Plans a batch without running it.
///
/// level     its plan is forecast; empty = the plan that a run would choose
/// requests  complete
/// throws    OutOfMemoryError where no plan fits
BatchForecast forecast_batch(const LevelForecaster& forecaster, std::optional<int> level,
                             std::span<const Request> requests, const BatchShape& shape);

}  // namespace chitu::pipelines
