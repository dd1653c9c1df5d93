#include "tools/chitu/batch/batch_plan_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>

#include "chitu_core/common/bytes.h"
#include "tools/chitu/flops_text.h"
#include "tools/chitu/seconds_text.h"

namespace chitu::tools {
namespace {

using pipelines::BatchForecast;
using Cell = std::function<std::string(const BatchForecast&)>;

bool is_limited(const pipelines::BatchShape& shape) {
  return shape.spill_limit_bytes < std::numeric_limits<std::int64_t>::max();
}

std::int64_t peak_of(const BatchPlanReport& report, const BatchForecast& forecast) {
  return report.host_computes ? forecast.peak_host_bytes : forecast.peak_device_bytes;
}

std::string head_line(const BatchPlanReport& report) {
  std::string text = fmt::format("{} jobs on {}, batch.window={}, batch.size={}", report.jobs,
                                 report.device, report.shape.window, report.shape.size);
  if (is_limited(report.shape))
    text += ", batch.spill_limit=" + format_bytes(report.shape.spill_limit_bytes);
  return text + "\n";
}

class Table {
 public:
  explicit Table(const BatchPlanReport& report) : report_(report) {}

  void row(const std::string& label, const Cell& cell) {
    text_ += fmt::format("{:<26}", label);
    for (const BatchForecast& forecast : report_.forecasts)
      text_ += fmt::format("{:>14}", cell(forecast));
    text_ += "\n";
  }
  std::string take() { return std::move(text_); }

 private:
  const BatchPlanReport& report_;
  std::string text_;
};

template <class Has>
bool any(const BatchPlanReport& report, const Has& has) {
  return std::any_of(report.forecasts.begin(), report.forecasts.end(), has);
}

/// The window, where it is too large for the spill limit, and where not even one job fits.
std::string window_text(const BatchForecast& forecast) {
  return forecast.largest_window == 0 ? "none" : fmt::format("{}", forecast.largest_window);
}

}  // namespace

std::string to_table(const BatchPlanReport& report) {
  Table table(report);
  table.row("low_mem_level", [](const auto& f) { return fmt::format("{}", f.plan.low_mem_level); });
  table.row("windows", [](const auto& f) { return fmt::format("{}", f.windows); });
  table.row(report.host_computes ? "peak of tensors" : "peak on the device",
            [&](const auto& f) { return format_bytes(peak_of(report, f)); });
  if (!report.host_computes)
    table.row("peak on the host", [](const auto& f) { return format_bytes(f.peak_host_bytes); });
  table.row("copies to the device", [](const auto& f) { return format_bytes(f.h2d_bytes); });
  table.row("copies to the host", [](const auto& f) { return format_bytes(f.d2h_bytes); });
  table.row("read from disk", [](const auto& f) { return format_bytes(f.disk_bytes); });
  table.row("arithmetic", [](const auto& f) { return flops_text(f.flops); });
  if (any(report, [](const auto& f) { return f.least_s.has_value(); }))
    table.row("least time",
              [](const auto& f) { return f.least_s ? seconds_text(*f.least_s) : "-"; });
  table.row("waits on disk", [](const auto& f) { return format_bytes(f.spill_bytes); });
  if (is_limited(report.shape)) table.row("window that fits the disk", window_text);
  if (any(report, [](const auto& f) { return f.fits.has_value(); }))
    table.row("fits", [](const auto& f) { return !f.fits ? "-" : *f.fits ? "yes" : "no"; });
  return head_line(report) + table.take();
}

nlohmann::json to_json(const BatchPlanReport& report) {
  nlohmann::json all{{"jobs", report.jobs},
                     {"device", report.device},
                     {"window", report.shape.window},
                     {"size", report.shape.size},
                     {"spill_limit_bytes", is_limited(report.shape)
                                               ? nlohmann::json(report.shape.spill_limit_bytes)
                                               : nlohmann::json()},
                     {"plans", nlohmann::json::array()}};
  for (const BatchForecast& forecast : report.forecasts)
    all["plans"].push_back(
        {{"low_mem_level", forecast.plan.low_mem_level},
         {"windows", forecast.windows},
         {"peak_device_bytes", forecast.peak_device_bytes},
         {"peak_host_bytes", forecast.peak_host_bytes},
         {"h2d_bytes", forecast.h2d_bytes},
         {"d2h_bytes", forecast.d2h_bytes},
         {"disk_bytes", forecast.disk_bytes},
         {"flops", forecast.flops},
         {"least_s", forecast.least_s ? nlohmann::json(*forecast.least_s) : nlohmann::json()},
         {"fits", forecast.fits ? nlohmann::json(*forecast.fits) : nlohmann::json()},
         {"spill_bytes", forecast.spill_bytes},
         {"largest_window", forecast.largest_window}});
  return all;
}

}  // namespace chitu::tools
