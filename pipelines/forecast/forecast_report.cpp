#include "pipelines/forecast/forecast_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "chitu_core/memory/levels.h"
#include "pipelines/forecast/plan_json.h"
#include "pipelines/model/device_choices.h"
#include "pipelines/model/request_json.h"

namespace chitu::pipelines {
namespace {

using nlohmann::json;

constexpr std::size_t kMostGroups = 12;

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json();
}

json moved(const device::DryRunUse& use) {
  json bytes{{"h2d_bytes", use.h2d}, {"d2h_bytes", use.d2h}, {"disk_bytes", use.disk}};
  if (use.sent > 0) bytes["sent_bytes"] = use.sent;
  if (use.sent_weights > 0) bytes["sent_weight_bytes"] = use.sent_weights;
  return bytes;
}

json stages_json(const ForecastReport& report, const Forecast& forecast) {
  json stages = json::array();
  for (const StageForecast& forecast_stage : forecast.stages) {
    const device::DryRunUse& use = forecast_stage.use;
    json stage = moved(use);
    stage["name"] = forecast_stage.name;
    stage["peak_device_bytes"] = report.host_computes ? use.peak_host : use.peak_device;
    stage["held_device_bytes"] = report.host_computes ? use.host : use.device;
    stage["peak_host_tensor_bytes"] = use.peak_host;
    stage["flops"] = use.flops;
    if (forecast_stage.steps > 0) stage["steps"] = forecast_stage.steps;
    stages.push_back(std::move(stage));
  }
  return stages;
}

json components_json(const LevelForecast& level) {
  json components = json::array();
  for (const ComponentForecast& component : level.components)
    components.push_back({{"name", component.name},
                          {"parameters", component.parameters},
                          {"residency", memory::to_string(component.plan.residency)},
                          {"dtype", dtype_name(component.plan.dtype)},
                          {"stored_bytes", component.stored_bytes},
                          {"onload_bytes", component.onload_bytes},
                          {"at_rest_bytes", component.at_rest_bytes}});
  return components;
}

json peak_json(const PeakExplanation& peak) {
  json groups = json::array(), remedies = json::array();
  std::int64_t rest = 0;
  for (std::size_t i = 0; i < peak.groups.size(); ++i) {
    const HeldGroup& group = peak.groups[i];
    if (i < kMostGroups)
      groups.push_back({{"what", group.what},
                        {"where", group.where},
                        {"count", group.count},
                        {"bytes", group.bytes}});
    else
      rest += group.bytes;
  }
  for (const Remedy& remedy : peak.remedies)
    remedies.push_back(
        {{"change", remedy.change}, {"note", remedy.note}, {"peak_bytes", remedy.peak_bytes}});
  return {{"where", peak.where},
          {"made_by", peak.made_by},
          {"held", groups},
          {"rest_bytes", rest},
          {"remedies", remedies}};
}

json largest_json(const LargestSizes& largest) {
  json picture;
  if (largest.picture)
    picture = {{"width", largest.picture->width}, {"height", largest.picture->height}};
  return {{"picture", picture}, {"num_frames", or_null(largest.frames)}};
}

/// with_exchange  for several ranks
json time_json(const LeastTime& time, bool with_exchange) {
  json text{{"seconds", time.total_s},
            {"bound_by", time.bound_by},
            {"arithmetic_seconds", time.compute_s},
            {"link_seconds", time.link_s},
            {"disk_seconds", time.disk_s},
            {"device_memory_seconds", time.memory_s},
            {"lead_seconds", time.lead_s}};
  if (!with_exchange) return text;
  text["exchange_seconds"] = time.exchange_s;
  text["exchange_wait_seconds"] = time.exchange_wait_s;
  return text;
}

json least_time_json(const LevelReport& level) {
  const RequestTime& time = *level.plan.least_time;
  const bool ranks = level.one_rank.has_value();
  json stages = json::array();
  for (const auto& [name, stage_time, arithmetic_counted] : time.stages) {
    json stage = time_json(stage_time, ranks);
    stage["name"] = name;
    stage["arithmetic_counted"] = arithmetic_counted;
    stages.push_back(std::move(stage));
  }
  json text{
      {"step", time_json(time.step, ranks)}, {"stages", stages}, {"request_seconds", time.total_s}};
  if (ranks) text["speed_up"] = {{"step", level.step_speed_up()}, {"request", level.speed_up()}};
  return text;
}

json parallel_json(const parallel::ParallelOptions& options) {
  return {{"ranks", options.world_size()}, {"rank", 0},
          {"cp_size", options.cp_size},    {"up", options.up > 0 ? json(options.up) : json()},
          {"cfg_size", options.cfg_size},  {"cp_backend", options.backend}};
}

json link_json(const RankLink& link) {
  return {{"name", link.name},
          {"bandwidth", or_null(link.bandwidth)},
          {"latency_seconds", link.latency_s},
          {"shared", link.shared}};
}

json links_json(const RankLinks& links) {
  json text{{"ranks_per_host", or_null(links.ranks_per_host)}};
  if (links.interconnect) text["interconnect"] = link_json(*links.interconnect);
  if (links.network) text["network"] = link_json(*links.network);
  return text;
}

json profile_json(const DeviceProfile& profile) {
  return {{"name", profile.name},
          {"memory_bytes", or_null(profile.memory_bytes)},
          {"flops",
           {{"bfloat16", or_null(profile.flops.bfloat16)},
            {"float16", or_null(profile.flops.float16)},
            {"float8", or_null(profile.flops.float8)},
            {"tfloat32", or_null(profile.flops.tfloat32)},
            {"float32", or_null(profile.flops.float32)}}},
          {"link_bandwidth", or_null(profile.link_bandwidth)},
          {"disk_bandwidth", or_null(profile.disk_bandwidth)},
          {"memory_bandwidth", or_null(profile.memory_bandwidth)},
          {"links", links_json(profile.links)}};
}

json level_json(const ForecastReport& report, const LevelReport& level) {
  const Forecast& forecast = level.plan.forecast;
  json text{{"low_mem_level", level.plan.level()},
            {"strategies", forecast.plan.strategies},
            {"plan", to_json(forecast.plan)},
            {"fits", or_null(level.plan.fits)},
            {"peak_device_bytes", forecast.peak_bytes()},
            {"peak_host_bytes", report.peak_host_bytes(forecast)},
            {"peak_host_tensor_bytes", forecast.peak_host_bytes},
            {"weights_at_rest_bytes", level.plan.at_rest_bytes()},
            {"components", components_json(level.plan)},
            {"stages", stages_json(report, forecast)},
            {"step", moved(forecast.step())},
            {"request",
             {{"h2d_bytes", forecast.h2d_bytes},
              {"d2h_bytes", forecast.d2h_bytes},
              {"disk_bytes", forecast.disk_bytes},
              {"flops", forecast.flops}}},
            {"flops_per_step", forecast.step().flops},
            {"recomputed_share", level.plan.recomputed_share}};
  if (forecast.sent_bytes > 0) text["request"]["sent_bytes"] = forecast.sent_bytes;
  if (forecast.sent_weight_bytes > 0)
    text["request"]["sent_weight_bytes"] = forecast.sent_weight_bytes;
  if (const auto decisions = forecast.decisions(); !decisions.empty())
    text["flexcache"] = to_json(decisions);
  if (level.cache_savings) text["flexcache"]["saved"] = to_json(*level.cache_savings);
  if (level.plan.least_time) text["least_time"] = least_time_json(level);
  if (level.largest) text["largest"] = largest_json(*level.largest);
  if (level.peak) text["peak"] = peak_json(*level.peak);
  return text;
}

/// What the numbers include, and what they leave out.
json modelled(const ForecastReport& report) {
  return {
      {"tensors", "every one, weights and activations, with the shapes of a run"},
      {"allocator_granule_bytes", report.planned.granule},
      {"attention_workspace", "not counted; the output is, and with torch_sdpa_math the scores"},
      {"convolution_workspace", "not counted"},
      {"allocator_fragmentation", "not counted"},
      {"device_context", "not counted"},
      {"library_bytes",
       "what libraries keep on an accelerator of this machine, measured; 0 without one"},
      {"process_bytes",
       "the resident set of the planning process with its kernels loaded, before its first plan"},
      {"flops", "multiplications and additions of matrix products, attention and convolutions"},
      {"least_time",
       "a lower bound: arithmetic, copies and reads side by side at the full rates of the "
       "profile; exchanges between ranks beside the arithmetic that does not wait for them"}};
}

/// The inputs of every part of the report.
ForecastReport head_of(const LevelForecaster& forecaster, const Request& request,
                       bool longest_prompts) {
  ForecastReport report;
  report.device = forecaster.device_name();
  report.host_computes = forecaster.host_computes();
  report.capacity_bytes = forecaster.capacity_bytes();
  report.budget = forecaster.budget();
  report.process_bytes = forecaster.process_bytes();
  report.planned = forecaster.device();
  report.profile = forecaster.profile();
  report.parallel = forecaster.parallel();
  report.request = request;
  report.longest_prompts = longest_prompts;
  report.transformer_layers = forecaster.pipeline().transformer_layers();
  return report;
}

/// Times that are both 0 are the same.
double ratio(double alone_s, double shared_s) {
  return alone_s == shared_s ? 1 : alone_s / shared_s;
}

void compare_with_one_rank(ForecastReport& report, const LevelForecaster& forecaster,
                           const Forecasts& forecasts) {
  const auto compare = [&](LevelReport& level) {
    level.one_rank = forecaster.time_of_one_rank(level.plan.forecast.plan, forecasts);
  };
  for (LevelReport& level : report.levels) compare(level);
  if (!report.chosen) return;
  for (const LevelReport& level : report.levels)
    if (level.plan.forecast.plan == report.chosen->plan.forecast.plan)
      report.chosen->one_rank = level.one_rank;
  if (!report.chosen->one_rank) compare(*report.chosen);
}

json budget_json(const MemoryBudget& budget) {
  return {{"source", budget.bytes ? json(budget.source) : json()},
          {"bytes", or_null(budget.bytes)},
          {"library_bytes", budget.library_bytes},
          {"host_bytes", or_null(budget.host_bytes)}};
}

RequestCost cost_of(const Forecast& forecast) {
  return {forecast.flops, forecast.h2d_bytes, forecast.disk_bytes};
}

/// Against the same request without its cache, with the same plan.
void add_cache_savings(LevelReport& level, const LevelForecaster& forecaster, Request request,
                       bool longest_prompts) {
  if (!request.flexcache) return;
  request.flexcache.reset();
  request.flexcache_params.reset();
  const Forecast& cached = level.plan.forecast;
  const Forecast whole = forecaster.forecaster().forecast(request, cached.plan, longest_prompts);
  level.cache_savings = cache_savings(cost_of(cached), cost_of(whole));
}

}  // namespace

double LevelReport::step_speed_up() const {
  return ratio(one_rank->step.total_s, plan.least_time->step.total_s);
}

double LevelReport::speed_up() const { return ratio(one_rank->total_s, plan.least_time->total_s); }

std::vector<const LevelReport*> ForecastReport::columns() const {
  std::vector<const LevelReport*> all;
  for (const LevelReport& level : levels) all.push_back(&level);
  if (chosen) all.push_back(&*chosen);
  return all;
}

ForecastReport report_plans(const LevelForecaster& forecaster, const std::string& model,
                            const Request& request, bool longest_prompts,
                            const PlanQuestions& questions) {
  ForecastReport report = head_of(forecaster, request, longest_prompts);
  report.model = model;
  report.fit_bytes = questions.fit_bytes;
  const Forecasts forecasts = forecaster.forecasts(request, longest_prompts);
  const auto look_at = [&](const std::string& what) {
    if (questions.progress) questions.progress(what);
  };
  for (int level = 0; level < memory::kLevels; ++level) {
    look_at(fmt::format("level {}", level));
    report.levels.push_back({forecaster.plan(level, forecasts), {}, {}, {}});
    add_cache_savings(report.levels.back(), forecaster, request, longest_prompts);
  }
  look_at("what a run takes");
  auto [plan, refusal] = forecaster.chosen(forecasts);
  if (plan) report.chosen = LevelReport{std::move(*plan), {}, {}, {}};
  if (report.chosen) add_cache_savings(*report.chosen, forecaster, request, longest_prompts);
  report.refusal = std::move(refusal);
  if (report.profile && report.parallel.world_size() > 1)
    compare_with_one_rank(report, forecaster, forecasts);
  for (std::size_t i = 0; i < report.levels.size(); ++i) {
    LevelReport& level = report.levels[i];
    if (questions.fit_bytes) {
      look_at(fmt::format("sizes at level {}", level.plan.level()));
      level.largest = largest_sizes(forecaster, level.plan.level(), request, longest_prompts,
                                    *questions.fit_bytes);
    }
    if (questions.explain_peaks) {
      look_at(fmt::format("peak of level {}", level.plan.level()));
      level.peak = explain_peak(forecaster, level.plan,
                                i + 1 < report.levels.size() ? &report.levels[i + 1].plan : nullptr,
                                request, longest_prompts);
    }
  }
  return report;
}

nlohmann::json to_json(const ForecastReport& report) {
  json levels = json::array();
  for (const LevelReport& level : report.levels) levels.push_back(level_json(report, level));
  const memory::MemoryPlan& plan = report.levels.front().plan.forecast.plan;
  json text{{"model", report.model},
            {"device", report.device},
            {"device_is_host", report.host_computes},
            {"capacity_bytes", or_null(report.capacity_bytes)},
            {"dtype", dtype_name(plan.first(memory::Role::transformer).dtype)},
            {"vae_dtype", dtype_name(plan.first(memory::Role::vae).dtype)},
            {"request", to_json(report.request)},
            {"longest_prompts", report.longest_prompts},
            {"process_bytes", report.process_bytes},
            {"modelled", modelled(report)},
            {"budget", budget_json(report.budget)},
            {"levels", levels},
            {"chosen", report.chosen ? level_json(report, *report.chosen) : json()}};
  if (!report.refusal.empty()) text["refused"] = report.refusal;
  if (report.profile) text["profile"] = profile_json(*report.profile);
  if (report.parallel.world_size() > 1) text["parallel"] = parallel_json(report.parallel);
  if (report.fit_bytes) text["fit_bytes"] = *report.fit_bytes;
  return text;
}

}  // namespace chitu::pipelines
