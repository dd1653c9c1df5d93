#include "pipelines/batch/window_forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <utility>

#include "pipelines/model/request_json.h"

namespace chitu::pipelines {
namespace {

/// What a group of items did in a dry run.
struct DoneGroup {
  std::vector<std::pair<WindowPlace, StageForecast>> stages;
  std::vector<CountedSpill::Record> left;  ///< for the next leg, by each item
};
/// By all that decides what a group holds and moves.
using KnownGroups = std::map<std::string, DoneGroup>;

class PlanningObserver final : public WindowObserver {
 public:
  PlanningObserver(const Window& window, CountedSpill& spill, const DryRunScene& scene,
                   KnownGroups& known, WindowWork& work)
      : window_(window), spill_(spill), scene_(scene), known_(known), work_(work) {}

  /// The first group of a leg is always done: it may bring a component in.
  bool group_begin(std::size_t leg, std::size_t group, Items items) override {
    const std::string key = key_of(leg, items);
    const auto known = known_.find(key);
    if (group > 0 && known != known_.end()) {
      count(known->second, leg, group, items);
      return false;
    }
    doing_ = &(known_[key] = {});
    return true;
  }

  void stage_end(const WindowPlace& place, std::string_view, Items) override {
    add(place, scene_.stages.back());
    doing_->stages.emplace_back(place, scene_.stages.back());
  }

  void stored(std::size_t item, std::size_t leg) override {
    doing_->left.push_back(spill_.record(item, leg));
  }

  void failed(std::size_t, const std::exception_ptr& error) override {
    std::rethrow_exception(error);
  }

 private:
  void add(const WindowPlace& place, const StageForecast& stage) {
    work_.add(place, stage.use.flops);
  }

  void count(const DoneGroup& done, std::size_t leg, std::size_t group, Items items) {
    for (const auto& [place, stage] : done.stages) {
      scene_.stages.push_back(stage);
      add({leg, group, place.stage}, stage);
    }
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (leg > 0) spill_.count_get(items[i], leg);
      if (leg < window_.last_leg()) spill_.put(items[i], leg + 1, done.left[i]);
      if (leg > 0) spill_.remove(items[i], leg);
    }
  }

  std::string key_of(std::size_t leg, Items items) const {
    const device::DryRunUse held = scene_.dry_run.use();
    std::string key = fmt::format("leg {}, held {} {}\n", leg, held.device, held.host);
    for (const std::size_t item : items) {
      key += request_key(leg, window_.request(item));
      if (leg > 0) key += to_string(spill_.record(item, leg));
    }
    return key;
  }

  /// After the first leg the prompts are values in the spill.
  static std::string request_key(std::size_t leg, Request request) {
    if (leg > 0) {
      request.prompt.clear();
      if (request.negative_prompt) request.negative_prompt->clear();
    }
    request.seed = 0;
    return to_json(request).dump() + "\n";
  }

  const Window& window_;
  CountedSpill& spill_;
  const DryRunScene& scene_;
  KnownGroups& known_;
  WindowWork& work_;
  DoneGroup* doing_ = nullptr;
};

void add_use(device::DryRunUse& sum, const device::DryRunUse& use) {
  sum.peak_device = std::max(sum.peak_device, use.peak_device);
  sum.peak_host = std::max(sum.peak_host, use.peak_host);
  add_work(sum, use);
}

/// One entry for each name, in the order in which the names come.
std::vector<StageForecast> added_up(const std::vector<StageForecast>& stages) {
  std::vector<StageForecast> sums;
  for (const StageForecast& stage : stages) {
    const auto sum = std::ranges::find(sums, stage.name, &StageForecast::name);
    if (sum == sums.end()) {
      sums.push_back(stage);
      continue;
    }
    add_use(sum->use, stage.use);
    add_use(sum->lead, stage.lead);
    sum->passes += stage.passes;
    sum->steps += stage.steps;
    if (stage.step.flops > sum->step.flops) sum->step = stage.step;
    sum->decisions.add(stage.decisions);
  }
  return sums;
}

void bring_in(const std::vector<std::string>& names, const DryRunScene& scene) {
  for (memory::Component* component : scene.pipeline.components())
    if (std::ranges::find(names, component->name()) != names.end())
      component->onload(scene.context.plan.component(component->name()).format());
}

}  // namespace

void WindowWork::add(const WindowPlace& place, double flops) { parts_.push_back({place, flops}); }

double WindowWork::done_at(const WindowPlace& place, double share) const {
  const auto order = [](const WindowPlace& at) { return std::tuple(at.leg, at.group, at.stage); };
  double done = 0, all = 0;
  for (const auto& [at, flops] : parts_) {
    all += flops;
    if (order(at) < order(place)) done += flops;
    if (order(at) == order(place)) done += share * flops;
  }
  return all > 0 ? done / all : 0;
}

WindowForecast forecast_windows(const Forecaster& forecaster, const memory::MemoryPlan& plan,
                                const std::vector<PlannedWindow>& windows, std::int64_t size,
                                const std::vector<std::string>& held) {
  WindowForecast planned;
  KnownGroups known;
  std::int64_t d2h_bytes = 0, disk_bytes = 0;  // between the stages
  planned.forecast = forecaster.forecast(plan, [&](const DryRunScene& scene) {
    bring_in(held, scene);
    for (const auto& [items, spilled] : windows) {
      Window window(scene.pipeline, items, size, scene.pipeline.frames_slot());
      CountedSpill spill(spilled, window.last_leg());
      PlanningObserver observer(window, spill, scene, known, planned.work.emplace_back());
      window.run(spill, observer, scene.context);
      planned.spill_bytes = std::max(planned.spill_bytes, spill.most_bytes());
      d2h_bytes += spill.d2h_bytes();
      disk_bytes += spill.disk_bytes();
      planned.leg_bytes.resize(window.last_leg() + 1);
      for (std::size_t leg = 1; leg <= window.last_leg(); ++leg)
        planned.leg_bytes[leg] = std::max(planned.leg_bytes[leg], spill.largest_bytes(leg));
    }
  });
  planned.forecast.d2h_bytes += d2h_bytes;
  planned.forecast.disk_bytes += disk_bytes;
  planned.forecast.stages = added_up(planned.forecast.stages);
  return planned;
}

WindowForecasts::WindowForecasts(const Forecaster& forecaster, std::vector<PlannedWindow> windows,
                                 std::int64_t size, HeldComponents held)
    : forecaster_(forecaster), windows_(std::move(windows)), size_(size), held_(std::move(held)) {}

WindowForecast WindowForecasts::make(const memory::MemoryPlan& plan, std::int64_t size) const {
  return forecast_windows(forecaster_, plan, windows_, size,
                          plan == held_.plan ? held_.names : std::vector<std::string>());
}

const WindowForecast& WindowForecasts::of(const memory::MemoryPlan& plan) const {
  for (const WindowForecast& made : made_)
    if (made.forecast.plan == plan) return made;
  return made_.emplace_back(make(plan, size_));
}

/// Halves the size until it fits.
std::string WindowForecasts::smaller_size(const memory::MemoryPlan& plan,
                                          const std::function<bool(const Forecast&)>& fits) const {
  for (std::int64_t size = size_ / 2; size > 0; size /= 2)
    if (fits(make(plan, size).forecast)) return fmt::format("batch.size={}", size);
  return "";
}

Forecasts WindowForecasts::for_choice() const {
  std::vector<Request> requests;
  for (const PlannedWindow& window : windows_)
    for (const Window::Item& item : window.items) requests.push_back(item.job.request);
  const auto volume = [](const Request& request) {
    return request.width * request.height * request.num_frames;
  };
  ForecastSubject subject;
  subject.name = size_ > 1 ? fmt::format("{} requests at a time", size_) : "the requests";
  subject.forecast = [this](const memory::MemoryPlan& plan) { return of(plan).forecast; };
  subject.smaller = [this](const memory::MemoryPlan& plan, const auto& fits) {
    return smaller_size(plan, fits);
  };
  return {forecaster_, *std::ranges::max_element(requests, {}, volume), false, std::move(subject)};
}

}  // namespace chitu::pipelines
