#include "pipelines/forecast/time_model.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

#include "pipelines/forecast/exchange_time.h"
#include "pipelines/machine/profile_rates.h"

namespace chitu::pipelines {
namespace {

/// More than the caches of any device: this much of the weights may remain cached from the last
/// pass.
constexpr std::int64_t kMostCached = std::int64_t{1} << 30;

double seconds(double amount, const std::optional<double>& rate) {
  return rate ? amount / *rate : 0;
}

double link_seconds(const device::DryRunUse& use, const DeviceProfile& profile) {
  return seconds(static_cast<double>(std::max(use.h2d, use.d2h)), profile.link_bandwidth);
}

double disk_seconds(const device::DryRunUse& use, const DeviceProfile& profile) {
  return seconds(static_cast<double>(use.disk), profile.disk_bandwidth);
}

double memory_seconds(const Work& work, const DeviceProfile& profile) {
  if (!work.computes_there) return 0;
  const auto bytes = std::max<std::int64_t>(0, work.weight_bytes - kMostCached);
  return seconds(static_cast<double>(work.passes * bytes), profile.memory_bandwidth);
}

/// A text encoder may compute on the CPU while the device is another one.
bool computes_there(const memory::ComponentPlan& component, const memory::MemoryPlan& plan,
                    const DeviceProfile& profile) {
  return component.device == plan.device || (component.device.is_cpu() && profile.device == "cpu");
}

/// The work of a stage or of a step, which differ in traffic and in how often weights are read.
Work work_of(const Forecast& forecast, const StageForecast& stage, const DeviceProfile& profile) {
  Work work{.use = stage.use, .lead = stage.lead};
  if (stage.component.empty()) return work;
  const memory::ComponentPlan& component = forecast.plan.component(stage.component);
  work.dtype = component.dtype;
  work.computes_there = computes_there(component, forecast.plan, profile);
  work.weight_bytes = stage.weight_bytes;
  work.passes = stage.passes;
  return work;
}

/// Of what follows one another.
std::string_view longest_part(double lead_s, double compute_s, double exchange_s) {
  if (lead_s > std::max(compute_s, exchange_s)) return "loading";
  return exchange_s > compute_s ? "exchange" : "arithmetic";
}

}  // namespace

LeastTime least_time(const Work& work, const DeviceProfile& profile) {
  LeastTime time;
  const auto rate = work.computes_there ? rate_of(profile, work.dtype) : std::optional<double>();
  time.compute_s = seconds(work.use.flops, rate);
  time.link_s = link_seconds(work.use, profile);
  time.disk_s = disk_seconds(work.use, profile);
  time.memory_s = memory_seconds(work, profile);
  const ExchangeTime exchange = exchange_time(work.use.exchanges, profile.links, rate),
                     led = exchange_time(work.lead.exchanges, profile.links, rate);
  std::tie(time.exchange_s, time.exchange_wait_s) = std::tie(exchange.busy_s, exchange.wait_s);
  time.lead_s =
      std::max({link_seconds(work.lead, profile), disk_seconds(work.lead, profile), led.busy_s});
  const double after_lead = seconds(work.use.flops - work.lead.flops, rate),
               waiting = std::max(0.0, exchange.wait_s - led.wait_s);
  const std::pair<double, std::string_view> bounds[] = {
      {std::max(time.compute_s + exchange.wait_s, time.lead_s + after_lead + waiting),
       longest_part(time.lead_s, after_lead, waiting)},
      {time.exchange_s, "exchange"},
      {time.link_s, "host link"},
      {time.disk_s, "disk"},
      {time.memory_s, "device memory"}};
  for (const auto& [bound_s, name] : bounds)
    if (bound_s > time.total_s) std::tie(time.total_s, time.bound_by) = std::tie(bound_s, name);
  return time;
}

RequestTime least_time(const Forecast& forecast, const DeviceProfile& profile) {
  RequestTime time;
  for (const StageForecast& stage : forecast.stages) {
    const Work work = work_of(forecast, stage, profile);
    time.stages.push_back({stage.name, least_time(work, profile), work.computes_there});
    time.total_s += time.stages.back().time.total_s;
    if (&stage != forecast.step_stage()) continue;
    Work step = work;
    step.use = stage.step;
    step.lead = {};
    step.passes = 1;
    time.step = least_time(step, profile);
  }
  return time;
}

}  // namespace chitu::pipelines
