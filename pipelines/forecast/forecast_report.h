#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/flexcache/cache_savings.h"
#include "pipelines/forecast/forecast_peak.h"
#include "pipelines/forecast/largest_sizes.h"
#include "pipelines/forecast/level_forecaster.h"

namespace chitu::pipelines {

/// One level, with the optional parts of its report.
struct LevelReport {
  LevelForecast plan;
  std::optional<RequestTime> one_rank;  ///< least times in one process, where several ranks share
  std::optional<LargestSizes> largest;  ///< for --fit
  std::optional<PeakExplanation> peak;  ///< for --explain
  std::optional<CacheSavings> cache_savings{};

  /// How many times as long one process takes for a step, for the request.
  double step_speed_up() const;
  double speed_up() const;
};

/// The report of `chitu plan`, in any format.
struct ForecastReport {
  std::string model;   ///< the checkpoint's folder
  std::string device;  ///< the device of the plans
  bool host_computes = false;
  std::optional<std::int64_t> capacity_bytes;  ///< the whole capacity of the device
  MemoryBudget budget;                         ///< the limits of the plans
  std::optional<std::int64_t> fit_bytes;       ///< the limit of --fit
  std::int64_t process_bytes = 0;
  device::ImitatedDevice planned;
  std::optional<DeviceProfile> profile;  ///< source of the rates of the least times
  parallel::ParallelOptions parallel;    ///< the ranks that share the request
  Request request;
  bool longest_prompts = false;
  std::int64_t transformer_layers = 0;
  std::vector<LevelReport> levels;
  std::optional<LevelReport> chosen;  ///< the plan that a run would use
  std::string refusal;                ///< why no plan fits

  /// The levels, followed by the chosen plan.
  std::vector<const LevelReport*> columns() const;
  /// Tensors of the forecast and the process itself.
  std::int64_t peak_host_bytes(const Forecast& forecast) const {
    return forecast.peak_host_bytes + process_bytes;
  }
};

struct PlanQuestions {
  std::optional<std::int64_t> fit_bytes;
  bool explain_peaks = false;
  std::function<void(const std::string&)> progress{};  ///< called with what is looked at next
};

/// Forecasts a request at every level.
ForecastReport report_plans(const LevelForecaster& forecaster, const std::string& model,
                            const Request& request, bool longest_prompts,
                            const PlanQuestions& questions);

/// Bytes are whole numbers under names that end in _bytes. Keys are only ever added.
nlohmann::json to_json(const ForecastReport& report);

}  // namespace chitu::pipelines
