#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/forecast/forecast_peak.h"
#include "pipelines/forecast/largest_sizes.h"
#include "pipelines/forecast/level_forecaster.h"

namespace chitu::pipelines {

/// One level, and what was asked about it besides.
struct LevelReport {
  LevelForecast plan;
  std::optional<LargestSizes> largest;  ///< for --fit
  std::optional<PeakExplanation> peak;  ///< for --explain
};

/// What `chitu plan` says, whatever the format.
struct ForecastReport {
  std::string model;   ///< the checkpoint's folder
  std::string device;  ///< what it is planned for
  bool host_computes = false;
  std::optional<std::int64_t> capacity_bytes;  ///< of the device in all
  MemoryBudget budget;                         ///< what plans are compared with
  std::optional<std::int64_t> fit_bytes;       ///< the limit of --fit
  std::int64_t process_bytes = 0;
  device::ImitatedDevice planned;
  std::optional<DeviceProfile> profile;  ///< whose rates the least times are for
  Request request;
  bool longest_prompts = false;
  std::int64_t transformer_layers = 0;
  std::vector<LevelReport> levels;
  std::optional<LevelReport> chosen;  ///< what a run would take
  std::string refusal;                ///< why it would take none

  /// The levels, then what was chosen.
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

/// Plans a request at every level.
ForecastReport report_plans(const LevelForecaster& forecaster, const std::string& model,
                            const Request& request, bool longest_prompts,
                            const PlanQuestions& questions);

/// Bytes are whole numbers under names that end in _bytes. Keys are only ever added.
nlohmann::json to_json(const ForecastReport& report);

}  // namespace chitu::pipelines
