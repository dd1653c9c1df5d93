#pragma once

#include <deque>

#include "pipelines/forecast/planner.h"

namespace chitu::pipelines {

/// The forecasts of one request: each plan is planned once, when it is first asked for.
class Forecasts {
 public:
  /// planner          outlives this
  /// longest_prompts  as Planner::forecast
  Forecasts(const Planner& planner, Request request, bool longest_prompts = false);

  const Forecast& of(const memory::MemoryPlan& plan) const;

  const Planner& planner() const { return planner_; }
  const Request& request() const { return request_; }
  bool longest_prompts() const { return longest_prompts_; }

 private:
  const Planner& planner_;
  Request request_;
  bool longest_prompts_;
  mutable std::deque<Forecast> made_;
};

}  // namespace chitu::pipelines
