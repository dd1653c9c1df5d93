#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace chitu::pipelines {

/// What one stage of a run cost. "Device" is the one that the transformer computes on; where that
/// is the CPU, its memory is the process's resident set.
struct StageCost {
  std::string name;
  double begin_s = 0, end_s = 0;            ///< since the process began
  std::int64_t allocated_device_bytes = 0;  ///< at the stage's end, before it lets weights go
  std::int64_t reserved_device_bytes = 0;   ///< by the allocator, at the same time
  std::int64_t peak_device_bytes = 0;
  std::int64_t peak_host_bytes = 0;           ///< resident set
  std::int64_t h2d_bytes = 0, d2h_bytes = 0;  ///< between host and device
  std::int64_t disk_bytes = 0;                ///< weights read from files
  std::int64_t loads = 0;                     ///< components whose weights came to their device
  /// Share of the time spent on reading and copying layers that was hidden behind computing: 1 when
  /// the model never waited. Empty where nothing was streamed.
  std::optional<double> overlap{};
};

/// As it stands in metrics.json.
nlohmann::json to_json(const StageCost& stage);

/// Sums over the stages, as they stand in metrics.json: seconds, bytes moved and loads.
nlohmann::json sums_json(const std::vector<StageCost>& stages);

/// The lines of a table with a stage in each, a head above and totals below.
std::vector<std::string> stage_table(const std::vector<StageCost>& stages);

}  // namespace chitu::pipelines
