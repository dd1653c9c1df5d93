#include <fmt/format.h>
#include <fmt/ranges.h>

#include <functional>
#include <utility>
#include <vector>

#include "tools/chitu/plan_cells.h"
#include "tools/chitu/plan_text.h"

namespace chitu::tools {
namespace {

using pipelines::Forecast;
using pipelines::ForecastReport;
using pipelines::LevelReport;

/// The columns of one report: a name, and a cell for each line.
class Columns {
 public:
  explicit Columns(const ForecastReport& report) : report_(report) {
    add_peaks();
    add_traffic();
    add_times();
    add_choices();
    add_answers();
  }

  std::string text() const {
    std::string lines = line([](const Column& column) { return column.name; });
    for (const LevelReport* level : report_.columns())
      lines += line([&](const Column& column) { return column.cell(*level); });
    return lines;
  }

 private:
  bool has_ranks() const { return report_.parallel.world_size() > 1; }

  using Cell = std::function<std::string(const LevelReport&)>;
  struct Column {
    std::string name;
    Cell cell;
  };

  void add(std::string name, Cell cell) { columns_.push_back({std::move(name), std::move(cell)}); }
  void number(std::string name, std::function<std::int64_t(const Forecast&)> of) {
    add(std::move(name), [of = std::move(of)](const LevelReport& level) {
      return fmt::format("{}", of(level.plan.forecast));
    });
  }

  void add_peaks() {
    number("low_mem_level", [](const Forecast& f) { return f.plan.low_mem_level; });
    number("peak_device_bytes", [](const Forecast& f) { return f.peak_bytes(); });
    number("peak_host_bytes", [this](const Forecast& f) { return report_.peak_host_bytes(f); });
    number("peak_host_tensor_bytes", [](const Forecast& f) { return f.peak_host_bytes; });
    const auto& stages = report_.levels.front().plan.forecast.stages;
    for (std::size_t i = 0; i < stages.size(); ++i)
      number(fmt::format("{}_peak_device_bytes", stages[i].name), [=](const Forecast& f) {
        return f.host_computes() ? f.stages[i].use.peak_host : f.stages[i].use.peak_device;
      });
    add("weights_at_rest_bytes",
        [](const LevelReport& level) { return fmt::format("{}", level.plan.at_rest_bytes()); });
  }

  void add_traffic() {
    number("step_h2d_bytes", [](const Forecast& f) { return f.step().h2d; });
    number("step_d2h_bytes", [](const Forecast& f) { return f.step().d2h; });
    number("step_disk_bytes", [](const Forecast& f) { return f.step().disk; });
    number("request_h2d_bytes", [](const Forecast& f) { return f.h2d_bytes; });
    number("request_d2h_bytes", [](const Forecast& f) { return f.d2h_bytes; });
    number("request_disk_bytes", [](const Forecast& f) { return f.disk_bytes; });
    if (!has_ranks()) return;
    number("step_sent_bytes", [](const Forecast& f) { return f.step().sent; });
    number("request_sent_bytes", [](const Forecast& f) { return f.sent_bytes; });
  }

  void add_times() {
    add("flops_per_step", [](const LevelReport& level) {
      return fmt::format("{:.0f}", level.plan.forecast.step().flops);
    });
    if (!report_.profile) return;
    add("step_least_seconds", [](const LevelReport& level) {
      return fmt::format("{:.6g}", level.plan.least_time->step.total_s);
    });
    add("request_least_seconds", [](const LevelReport& level) {
      return fmt::format("{:.6g}", level.plan.least_time->total_s);
    });
    if (!has_ranks()) return;
    add("step_exchange_seconds", [](const LevelReport& level) {
      return fmt::format("{:.6g}", level.plan.least_time->step.exchange_s);
    });
    add("step_exchange_wait_seconds", [](const LevelReport& level) {
      return fmt::format("{:.6g}", level.plan.least_time->step.exchange_wait_s);
    });
    add("step_speed_up",
        [](const LevelReport& level) { return fmt::format("{:.4g}", level.step_speed_up()); });
    add("request_speed_up",
        [](const LevelReport& level) { return fmt::format("{:.4g}", level.speed_up()); });
  }

  void add_choices() {
    add("recomputed_share", [](const LevelReport& level) {
      return fmt::format("{:.4f}", level.plan.recomputed_share);
    });
    number("vae_tile_latents", [](const Forecast& f) {
      return f.plan.vae_tiling == memory::VaeTiling::off ? 0 : f.plan.vae_tile_latents;
    });
    number("resident_layers", [this](const Forecast& f) {
      const auto& transformer = f.plan.first(memory::Role::transformer);
      return transformer.residency == memory::Residency::streamed ? transformer.resident_layers
                                                                  : report_.transformer_layers;
    });
    number("guidance_interleave", [](const Forecast& f) { return f.plan.guidance_interleave; });
    number("offload_activations", [](const Forecast& f) { return f.plan.offload_activations; });
  }

  void add_answers() {
    add("chosen", [this](const LevelReport& level) {
      return report_.chosen && &level == &*report_.chosen ? "yes" : "no";
    });
    if (is_bounded(report_)) add("fits", fits_text);
    if (!report_.fit_bytes) return;
    add("largest_picture", largest_picture);
    add("most_frames", largest_frames);
  }

  template <class Cells>
  std::string line(const Cells& cell) const {
    std::vector<std::string> cells;
    for (const Column& column : columns_) cells.push_back(cell(column));
    return fmt::format("{}\n", fmt::join(cells, ","));
  }

  const ForecastReport& report_;
  std::vector<Column> columns_;
};

}  // namespace

std::string to_csv(const ForecastReport& report) { return Columns(report).text(); }

}  // namespace chitu::tools
