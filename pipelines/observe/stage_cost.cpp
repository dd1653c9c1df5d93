#include "pipelines/observe/stage_cost.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "chitu_core/common/bytes.h"

namespace chitu::pipelines {
namespace {

std::string row(const std::vector<std::string>& cells, std::size_t name_width) {
  std::string line = fmt::format("{:<{}}", cells.front(), name_width);
  for (std::size_t i = 1; i < cells.size(); ++i) line += fmt::format("  {:>10}", cells[i]);
  return line;
}

std::vector<std::string> cells_of(const StageCost& stage) {
  return {stage.name,
          fmt::format("{:.3f} s", stage.end_s - stage.begin_s),
          format_bytes(stage.allocated_device_bytes),
          format_bytes(stage.reserved_device_bytes),
          format_bytes(stage.peak_device_bytes),
          format_bytes(stage.h2d_bytes),
          format_bytes(stage.d2h_bytes),
          format_bytes(stage.disk_bytes),
          stage.overlap ? fmt::format("{:.1f} %", 100 * *stage.overlap) : "-"};
}

/// Sums for counters, maxima for the rest.
StageCost total_of(const std::vector<StageCost>& stages) {
  StageCost total{.name = "all"};
  for (const StageCost& stage : stages) {
    total.end_s += stage.end_s - stage.begin_s;
    total.peak_device_bytes = std::max(total.peak_device_bytes, stage.peak_device_bytes);
    total.h2d_bytes += stage.h2d_bytes;
    total.d2h_bytes += stage.d2h_bytes;
    total.disk_bytes += stage.disk_bytes;
    total.loads += stage.loads;
  }
  return total;
}

}  // namespace

nlohmann::json to_json(const StageCost& stage) {
  return {{"name", stage.name},
          {"begin_s", stage.begin_s},
          {"end_s", stage.end_s},
          {"seconds", stage.end_s - stage.begin_s},
          {"allocated_device_bytes", stage.allocated_device_bytes},
          {"reserved_device_bytes", stage.reserved_device_bytes},
          {"peak_device_bytes", stage.peak_device_bytes},
          {"peak_host_bytes", stage.peak_host_bytes},
          {"h2d_bytes", stage.h2d_bytes},
          {"d2h_bytes", stage.d2h_bytes},
          {"disk_bytes", stage.disk_bytes},
          {"loads", stage.loads},
          {"overlap", stage.overlap ? nlohmann::json(*stage.overlap) : nlohmann::json()}};
}

nlohmann::json sums_json(const std::vector<StageCost>& stages) {
  const StageCost total = total_of(stages);
  return {{"seconds", total.end_s},
          {"h2d_bytes", total.h2d_bytes},
          {"d2h_bytes", total.d2h_bytes},
          {"disk_bytes", total.disk_bytes},
          {"loads", total.loads}};
}

std::vector<std::string> stage_table(const std::vector<StageCost>& stages) {
  std::size_t width = std::string_view("stage").size();
  for (const StageCost& stage : stages) width = std::max(width, stage.name.size());
  std::vector<std::string> lines{row({"stage", "time", "allocated", "reserved", "peak", "to device",
                                      "to host", "from disk", "overlap"},
                                     width)};
  for (const StageCost& stage : stages) lines.push_back(row(cells_of(stage), width));
  auto total = cells_of(total_of(stages));
  for (const std::size_t i : {2, 3, 8}) total[i] = "";  // of one moment or one stage
  lines.push_back(row(total, width));
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  return lines;
}

}  // namespace chitu::pipelines
