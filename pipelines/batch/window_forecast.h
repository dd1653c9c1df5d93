#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "pipelines/batch/window.h"
#include "pipelines/forecast/forecaster.h"
#include "pipelines/forecast/forecasts.h"
#include "pipelines/spill/spill.h"

namespace chitu::pipelines {

/// Predicted operations of the stages of a window, in the order in which they run.
class WindowWork {
 public:
  void add(const WindowPlace& place, double flops);
  /// Share of the window that is done when a stage of a group is done to this share.
  double done_at(const WindowPlace& place, double share) const;

 private:
  struct Part {
    WindowPlace place;
    double flops;
  };
  std::vector<Part> parts_;
};

/// What windows take that follow each other, as an engine runs them.
struct WindowForecast {
  /// Stages of one name added up over all items: their peaks are the highest ones, the rest sums.
  /// What is copied and read between the stages counts in the totals alone.
  Forecast forecast;
  std::int64_t spill_bytes = 0;  ///< most that waits on disk at a time
  /// Most bytes of one item that wait for a leg, by leg; 0 for the first one.
  std::vector<std::int64_t> leg_bytes;
  std::vector<WindowWork> work;  ///< of each window
};

/// One window to plan. `items` of Window and Spill are the same ones.
struct PlannedWindow {
  std::vector<Window::Item> items;
  std::vector<SpilledItem> spilled;
};

/// Components that an earlier run under this plan has left where they compute.
struct HeldComponents {
  memory::MemoryPlan plan;
  std::vector<std::string> names{};
};

/// A dry run of windows through the very code of a run. A group that is like an earlier one is
/// counted, not done again.
///
/// size  as of Window
/// held  names of components that are there before the first window
WindowForecast forecast_windows(const Forecaster& forecaster, const memory::MemoryPlan& plan,
                                const std::vector<PlannedWindow>& windows, std::int64_t size,
                                const std::vector<std::string>& held = {});

/// The forecasts of the same windows with other plans, each made once.
class WindowForecasts {
 public:
  /// forecaster  outlives this
  /// held        counts for its plan; under another plan the components are let go first
  WindowForecasts(const Forecaster& forecaster, std::vector<PlannedWindow> windows,
                  std::int64_t size, HeldComponents held = {});

  const WindowForecast& of(const memory::MemoryPlan& plan) const;
  /// As choose_plan() takes them; outlived by this.
  Forecasts for_choice() const;

 private:
  WindowForecast make(const memory::MemoryPlan& plan, std::int64_t size) const;
  std::string smaller_size(const memory::MemoryPlan& plan,
                           const std::function<bool(const Forecast&)>& fits) const;

  const Forecaster& forecaster_;
  std::vector<PlannedWindow> windows_;
  std::int64_t size_;
  HeldComponents held_;
  mutable std::deque<WindowForecast> made_;
};

}  // namespace chitu::pipelines
