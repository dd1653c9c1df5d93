#pragma once

#include <deque>

#include "pipelines/forecast/forecaster.h"

namespace chitu::pipelines {

/// The forecasts of one request: each plan has one dry run, when it is first needed.
class Forecasts {
 public:
  /// forecaster       must outlive this
  /// longest_prompts  as Forecaster::forecast
  Forecasts(const Forecaster& forecaster, Request request, bool longest_prompts = false);

  const Forecast& of(const memory::MemoryPlan& plan) const;

  const Forecaster& forecaster() const { return forecaster_; }
  const Request& request() const { return request_; }
  bool longest_prompts() const { return longest_prompts_; }

 private:
  const Forecaster& forecaster_;
  Request request_;
  bool longest_prompts_;
  mutable std::deque<Forecast> made_;
};

}  // namespace chitu::pipelines
