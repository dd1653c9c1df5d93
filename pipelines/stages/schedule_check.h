#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "chitu_core/models/schedulers/scheduler.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// Rejects requests whose schedule would reach numbers that are not finite, before any work begins.
/// Not for use from two threads at once.
class ScheduleCheck {
 public:
  explicit ScheduleCheck(std::shared_ptr<const models::SchedulerFactory> scheduler)
      : scheduler_(std::move(scheduler)) {}

  /// throws  InputError naming request.flow_shift or request.num_inference_steps and the nearest
  ///         value that works, or else the scheduler's config
  void check(const Request& request) const;

 private:
  using Choice = std::pair<std::int64_t, std::optional<double>>;  ///< steps, flow_shift
  bool works(const Choice& choice) const;
  std::optional<double> nearest_shift(const Choice& choice) const;
  std::optional<std::int64_t> nearest_steps(const Choice& choice) const;
  std::string problem_of(const Choice& choice) const;

  std::shared_ptr<const models::SchedulerFactory> scheduler_;
  mutable std::set<Choice> known_to_work_;
};

}  // namespace chitu::pipelines
