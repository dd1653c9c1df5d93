#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "pipelines/batch/batch_forecast.h"

namespace chitu::tools {

/// What a batch would take, by each of some memory plans.
struct BatchPlanReport {
  std::size_t jobs = 0;
  pipelines::BatchShape shape;
  std::string device;          ///< "cpu", "cuda"
  bool host_computes = false;  ///< peaks are those of the host
  std::vector<pipelines::BatchForecast> forecasts;
};

std::string to_table(const BatchPlanReport& report);
nlohmann::json to_json(const BatchPlanReport& report);

}  // namespace chitu::tools
