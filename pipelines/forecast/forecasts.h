#pragma once

#include <deque>
#include <functional>
#include <string>

#include "pipelines/forecast/forecaster.h"

namespace chitu::pipelines {

/// Work other than one request, such as a window of a batch.
struct ForecastSubject {
  std::string name;  ///< for messages: "this request"
  std::function<Forecast(const memory::MemoryPlan& plan)> forecast;  ///< empty = of the request
  /// An override under which the work needs less and fits, "batch.size=2"; "" = none does. May be
  /// empty.
  std::function<std::string(const memory::MemoryPlan& plan,
                            const std::function<bool(const Forecast&)>& fits)>
      smaller;
};

/// The forecasts of one request, or of other work: each plan has one dry run, when it is first
/// needed.
class Forecasts {
 public:
  /// forecaster       must outlive this
  /// longest_prompts  as Forecaster::forecast
  Forecasts(const Forecaster& forecaster, Request request, bool longest_prompts = false);

  /// request  that needs most of those that the work is made of
  Forecasts(const Forecaster& forecaster, Request request, bool longest_prompts,
            ForecastSubject subject);

  const Forecast& of(const memory::MemoryPlan& plan) const;

  const Forecaster& forecaster() const { return forecaster_; }
  const Request& request() const { return request_; }
  bool longest_prompts() const { return longest_prompts_; }
  const ForecastSubject& subject() const { return subject_; }

 private:
  Forecast make(const memory::MemoryPlan& plan) const;

  const Forecaster& forecaster_;
  Request request_;
  bool longest_prompts_;
  ForecastSubject subject_;
  mutable std::deque<Forecast> made_;
};

}  // namespace chitu::pipelines
