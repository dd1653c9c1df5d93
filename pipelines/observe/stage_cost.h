#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace chitu::pipelines {

/// Cost of one stage of a run. "Device" is the one that the transformer computes on; if that is the
/// CPU, its memory is the process's resident set.
struct StageCost {
  std::string name;
  double begin_s = 0, end_s = 0;            ///< since the process began
  std::int64_t allocated_device_bytes = 0;  ///< at the stage's end, before weights are freed
  std::int64_t reserved_device_bytes = 0;   ///< by the allocator, at the same time
  std::int64_t peak_device_bytes = 0;
  std::int64_t peak_host_bytes = 0;           ///< resident set
  std::int64_t h2d_bytes = 0, d2h_bytes = 0;  ///< between host and device
  std::int64_t disk_bytes = 0;                ///< weights read from files
  std::int64_t loads = 0;                     ///< components whose weights came to their device
  /// Share of the time for reading and copying layers that overlapped with computing: 1 if the
  /// model never waited. Empty if nothing was streamed.
  std::optional<double> overlap{};
};

/// As in metrics.json.
nlohmann::json to_json(const StageCost& stage);

/// Sums over the stages, as they stand in metrics.json: seconds, bytes moved and loads.
nlohmann::json sums_json(const std::vector<StageCost>& stages);

/// The lines of a table with one row per stage, a header and totals.
std::vector<std::string> stage_table(const std::vector<StageCost>& stages);

}  // namespace chitu::pipelines
