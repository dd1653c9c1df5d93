#include "tools/chitu/plan_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <utility>
#include <vector>

#include "chitu_core/common/bytes.h"
#include "pipelines/forecast/forecast_words.h"
#include "pipelines/model/device_choices.h"
#include "tools/chitu/flops_text.h"
#include "tools/chitu/plan_cells.h"
#include "tools/chitu/seconds_text.h"

namespace chitu::tools {
namespace {

using pipelines::components_text;
using pipelines::Forecast;
using pipelines::ForecastReport;
using pipelines::guidance_text;
using pipelines::layers_text;
using pipelines::LevelReport;
using pipelines::tiles_text;

constexpr std::size_t kShownGroups = 8;

/// One quantity: a cell for each level.
struct Row {
  std::string label;
  std::vector<std::string> cells;
};

/// The limits of device and host: "24.00 GiB (device.capacity)".
std::string budget_text(const pipelines::MemoryBudget& budget) {
  std::vector<std::string> bounds;
  if (budget.bytes)
    bounds.push_back(fmt::format("{} ({})", format_bytes(*budget.bytes), budget.source));
  if (budget.host_bytes)
    bounds.push_back(fmt::format("{} (infer.host_limit)", format_bytes(*budget.host_bytes)));
  return fmt::format("{}", fmt::join(bounds, " and "));
}

const memory::MemoryPlan& plan_of(const LevelReport& level) { return level.plan.forecast.plan; }

class Rows {
 public:
  explicit Rows(const ForecastReport& report) : report_(report) {}

  void add(std::string label, const std::function<std::string(const LevelReport&)>& cell) {
    Row& row = rows_.emplace_back(Row{std::move(label), {}});
    for (const LevelReport* column : report_.columns()) row.cells.push_back(cell(*column));
  }
  void bytes(std::string label, const std::function<std::int64_t(const Forecast&)>& of) {
    add(std::move(label),
        [&](const LevelReport& level) { return format_bytes(of(level.plan.forecast)); });
  }
  std::vector<Row> take() { return std::move(rows_); }

 private:
  const ForecastReport& report_;
  std::vector<Row> rows_;
};

void add_peaks(Rows& rows, const ForecastReport& report) {
  const bool on_host = report.host_computes;
  rows.bytes(on_host ? "peak of tensors (the host computes)" : "peak on the device",
             [](const Forecast& forecast) { return forecast.peak_bytes(); });
  const auto& stages = report.levels.front().plan.forecast.stages;
  for (std::size_t i = 0; i < stages.size(); ++i)
    rows.bytes(fmt::format("- {}", stages[i].name), [=](const Forecast& forecast) {
      const auto& use = forecast.stages[i].use;
      return on_host ? use.peak_host : use.peak_device;
    });
  if (const std::int64_t bytes = report.budget.library_bytes; bytes > 0)
    rows.bytes("libraries on the device, besides", [=](const Forecast&) { return bytes; });
  rows.add("weights between stages",
           [](const LevelReport& level) { return format_bytes(level.plan.at_rest_bytes()); });
  rows.bytes("peak on the host",
             [&](const Forecast& forecast) { return report.peak_host_bytes(forecast); });
  rows.bytes("- tensors", [](const Forecast& forecast) { return forecast.peak_host_bytes; });
  rows.bytes("- the process itself", [&](const Forecast&) { return report.process_bytes; });
}

void add_traffic(Rows& rows, const ForecastReport& report) {
  if (!report.host_computes) {
    rows.bytes("a step, host to device", [](const Forecast& f) { return f.step().h2d; });
    rows.bytes("a step, device to host", [](const Forecast& f) { return f.step().d2h; });
  }
  rows.bytes("a step, from disk", [](const Forecast& f) { return f.step().disk; });
  if (!report.host_computes) {
    rows.bytes("the request, host to device", [](const Forecast& f) { return f.h2d_bytes; });
    rows.bytes("the request, device to host", [](const Forecast& f) { return f.d2h_bytes; });
  }
  rows.bytes("the request, from disk", [](const Forecast& f) { return f.disk_bytes; });
  if (report.parallel.world_size() == 1) return;
  rows.bytes("a step, to other ranks", [](const Forecast& f) { return f.step().sent; });
  rows.bytes("the request, to other ranks", [](const Forecast& f) { return f.sent_bytes; });
  if (report.levels.front().plan.forecast.sent_weight_bytes > 0)
    rows.bytes("the request, shares of weights to other ranks",
               [](const Forecast& f) { return f.sent_weight_bytes; });
}

/// Choices in which plans of the same level may differ.
void add_choices(Rows& rows, const ForecastReport& report) {
  rows.add("VAE decodes", [](const LevelReport& level) { return tiles_text(plan_of(level)); });
  rows.add("transformer layers kept on the device", [&](const LevelReport& level) {
    return layers_text(plan_of(level), report.transformer_layers);
  });
  if (report.request.guided())
    rows.add("guidance branches",
             [](const LevelReport& level) { return guidance_text(plan_of(level)); });
}

/// Of a step on several ranks.
void add_exchange(Rows& rows) {
  rows.add("- exchange between ranks", [](const LevelReport& level) {
    return seconds_text(level.plan.least_time->step.exchange_s);
  });
  rows.add("- of which arithmetic waits for", [](const LevelReport& level) {
    return seconds_text(level.plan.least_time->step.exchange_wait_s);
  });
  rows.add("- speed-up over one process",
           [](const LevelReport& level) { return fmt::format("{:.2f}x", level.step_speed_up()); });
}

void add_least_times(Rows& rows, bool ranks) {
  rows.add("a step, at least", [](const LevelReport& level) {
    return seconds_text(level.plan.least_time->step.total_s);
  });
  rows.add("- bound by", [](const LevelReport& level) {
    return std::string(level.plan.least_time->step.bound_by);
  });
  if (ranks) add_exchange(rows);
  rows.add("the request, at least",
           [](const LevelReport& level) { return seconds_text(level.plan.least_time->total_s); });
  if (ranks)
    rows.add("- speed-up over one process",
             [](const LevelReport& level) { return fmt::format("{:.2f}x", level.speed_up()); });
}

std::vector<Row> rows_of(const ForecastReport& report) {
  Rows rows(report);
  add_peaks(rows, report);
  add_traffic(rows, report);
  if (!report.levels.front().plan.forecast.decisions().empty())
    rows.add(fmt::format("{} computes", report.request.flexcache.value_or("the cache")),
             [](const LevelReport& level) { return level.plan.forecast.decisions().text(); });
  if (report.levels.front().cache_savings)
    rows.add("- saves", [&](const LevelReport& level) {
      return level.cache_savings->text(report.host_computes);
    });
  rows.add("a step, arithmetic",
           [](const LevelReport& level) { return flops_text(level.plan.forecast.step().flops); });
  if (report.profile) add_least_times(rows, report.parallel.world_size() > 1);
  rows.add("decoded more than once", [](const LevelReport& level) {
    return fmt::format("{} %", std::lround(100 * level.plan.recomputed_share));
  });
  add_choices(rows, report);
  if (is_bounded(report)) rows.add("fits into " + budget_text(report.budget), fits_text);
  if (report.fit_bytes) {
    const std::string limit = format_bytes(*report.fit_bytes);
    const auto& request = report.request;
    rows.add(fmt::format("largest picture in {}, {} frames", limit, request.num_frames),
             largest_picture);
    rows.add(fmt::format("most frames in {}, {}x{}", limit, request.width, request.height),
             largest_frames);
  }
  return rows.take();
}

std::string title(const ForecastReport& report) {
  const auto& request = report.request;
  const auto& plan = report.levels.front().plan.forecast.plan;
  return fmt::format(
      "{}: {}x{}, {} frames, {} steps{}, {}; {} on {}, VAE in {}",
      std::filesystem::path(report.model).filename().string(), request.width, request.height,
      request.num_frames, request.num_inference_steps, request.guided() ? " with guidance" : "",
      report.longest_prompts ? fmt::format("prompts of {} tokens", request.max_sequence_length)
                             : "the given prompts",
      pipelines::dtype_name(plan.first(memory::Role::transformer).dtype), report.device,
      pipelines::dtype_name(plan.first(memory::Role::vae).dtype));
}

/// What the level does, and its strategies.
std::string level_text(const LevelReport& level) {
  const memory::MemoryPlan& plan = plan_of(level);
  std::string text = components_text(plan);
  if (plan.vae_tiling != memory::VaeTiling::off)
    text += fmt::format("; VAE in {}", tiles_text(plan));
  if (!plan.strategies.empty()) text += fmt::format(" ({})", fmt::join(plan.strategies, ", "));
  return text;
}

/// Where the level of the configuration does not fit and another does: the first of those.
std::string advice_text(const ForecastReport& report) {
  for (const LevelReport& level : report.levels)
    if (level.plan.fits.value_or(false))
      return fmt::format(
          ". Level {} fits, and infer.diffusion.low_mem_level=auto lets a run choose a level",
          level.plan.level());
  return "";
}

/// The plan that a run chooses, or why there is none.
std::string chosen_text(const ForecastReport& report) {
  if (!report.chosen) return "chosen: none. " + report.refusal + advice_text(report);
  return fmt::format("chosen by a run: level {}, {}", report.chosen->plan.level(),
                     level_text(*report.chosen));
}

/// The heads of the columns.
std::vector<std::string> heads(const ForecastReport& report) {
  std::vector<std::string> texts;
  for (const LevelReport& level : report.levels)
    texts.push_back(fmt::format("{}", level.plan.level()));
  if (report.chosen) texts.push_back(fmt::format("chosen: {}", report.chosen->plan.level()));
  return texts;
}

/// What the numbers count, and what they leave out.
std::string left_out(const ForecastReport& report) {
  const std::string rounded = report.planned.granule > 1
                                  ? fmt::format("each rounded up to {} B", report.planned.granule)
                                  : "to the byte";
  return fmt::format(
      "The numbers count tensors, {}. They leave out the scratch memory of attention and "
      "convolutions, and what a driver reserves.",
      rounded);
}

/// The links that times of exchanges are for. Empty for one process.
std::string about_links(const ForecastReport& report) {
  if (report.parallel.world_size() == 1) return "";
  const auto& [interconnect, network, ranks_per_host] = report.profile->links;
  std::vector<std::string> over;
  if (interconnect) over.push_back(fmt::format("{} within a host", interconnect->name));
  if (network)
    over.push_back(fmt::format("{} between hosts of {} ranks", network->name, *ranks_per_host));
  std::string text;
  if (!over.empty()) text = fmt::format("Ranks exchange over {}.", fmt::join(over, ", and "));
  if (!interconnect && ranks_per_host.value_or(2) > 1)
    text +=
        fmt::format("{}Exchange within a host is not included: device/interconnect=NAME adds it.",
                    text.empty() ? "" : " ");
  return text + "\n";
}

/// What ranks share the request. Empty for one process.
std::string about_ranks(const ForecastReport& report) {
  const auto& parallel = report.parallel;
  if (parallel.world_size() == 1) return "";
  return fmt::format(
      "Figures are of rank 0 of {} (cp_size={}, cfg_size={}, cp_backend={}, up={}), whose share is "
      "the largest.\n",
      parallel.world_size(), parallel.cp_size, parallel.cfg_size, parallel.backend,
      parallel.up > 0 ? fmt::format("{}", parallel.up) : "null");
}

/// What the times mean, and what they leave out. Empty without times.
std::string about_times(const ForecastReport& report) {
  if (!report.profile) return "";
  std::string text = fmt::format(
      "Times are lower bounds: arithmetic, copies and reads in parallel at the full rates of {}. A "
      "run takes longer.\n",
      report.profile->name);
  for (const auto& stage : report.levels.front().plan.least_time->stages)
    if (!stage.arithmetic_counted)
      text += fmt::format(
          "The arithmetic of {} is not included: it runs on the CPU, for which this profile has no "
          "rate.\n",
          stage.name);
  return text + about_links(report);
}

std::string about_rates(const ForecastReport& report) {
  return about_ranks(report) + about_times(report);
}

std::string explain_level(const ForecastReport& report, const LevelReport& level) {
  const auto& peak = *level.peak;
  std::string text =
      fmt::format("low_mem_level {}: {} {} in {}, reached by {}\n", level.plan.level(),
                  format_bytes(level.plan.forecast.peak_bytes()),
                  report.host_computes ? "on the host" : "on the device", peak.where, peak.made_by);
  std::int64_t rest = 0;
  for (std::size_t i = 0; i < peak.groups.size(); ++i) {
    const auto& group = peak.groups[i];
    if (i >= kShownGroups) {
      rest += group.bytes;
      continue;
    }
    text += fmt::format("  {:>10}  {}{}{}\n", format_bytes(group.bytes),
                        group.count > 1 ? fmt::format("{} x ", group.count) : "", group.what,
                        group.where.empty() ? "" : ", made in " + group.where);
  }
  if (rest > 0) text += fmt::format("  {:>10}  smaller ones\n", format_bytes(rest));
  if (peak.remedies.empty()) text += "  lower: no single key helps\n";
  for (const auto& remedy : peak.remedies)
    text += fmt::format("  lower: {} ({}): {}\n", remedy.change, remedy.note,
                        format_bytes(remedy.peak_bytes));
  return text;
}

}  // namespace

std::string to_table(const ForecastReport& report) {
  std::vector<Row> rows = rows_of(report);
  rows.insert(rows.begin(), Row{"low_mem_level", heads(report)});
  std::size_t widest = 0, column = 0;
  for (const Row& row : rows) {
    widest = std::max(widest, row.label.size());
    for (const std::string& cell : row.cells) column = std::max(column, cell.size());
  }
  std::string text = fmt::format("{}\n\n", title(report));
  for (const Row& row : rows) {
    text += fmt::format("{:<{}}", row.label, widest);
    for (const std::string& cell : row.cells) text += fmt::format("  {:>{}}", cell, column);
    text += "\n";
  }
  text += "\n";
  for (const LevelReport& level : report.levels)
    text += fmt::format("level {}: {}\n", level.plan.level(), level_text(level));
  text += fmt::format("{}\n{}\n{}", chosen_text(report), left_out(report), about_rates(report));
  for (const LevelReport& level : report.levels)
    if (level.peak) text += fmt::format("\n{}", explain_level(report, level));
  return text;
}

std::string to_markdown(const ForecastReport& report) {
  std::string text = title(report) + "\n\n| `low_mem_level` |";
  std::string line = "| --- |";
  for (const std::string& head : heads(report)) {
    text += fmt::format(" {} |", head);
    line += " ---: |";
  }
  text += fmt::format("\n{}\n", line);
  for (const Row& row : rows_of(report))
    text += fmt::format("| {} | {} |\n", row.label, fmt::join(row.cells, " | "));
  text += fmt::format("\n{}\n\n{}\n{}", chosen_text(report), left_out(report), about_rates(report));
  for (const LevelReport& level : report.levels)
    if (level.peak) text += fmt::format("\n```\n{}```\n", explain_level(report, level));
  return text;
}

}  // namespace chitu::tools
