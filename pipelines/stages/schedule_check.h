#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "pipelines/model/request.h"
#include "pipelines/stages/scheduling.h"

namespace chitu::pipelines {

/// Rejects requests whose schedule would reach numbers that are not finite, before any work begins.
/// Not for use from two threads at once.
class ScheduleCheck {
 public:
  explicit ScheduleCheck(Scheduling scheduling) : scheduling_(std::move(scheduling)) {}

  /// throws  InputError naming request.flow_shift or request.num_inference_steps and the nearest
  ///         value that works, or else the scheduler's config
  void check(const Request& request) const;

 private:
  /// What decides a schedule: steps, flow_shift, width, height.
  using Choice = std::tuple<std::int64_t, std::optional<double>, std::int64_t, std::int64_t>;
  bool works(const Request& request) const;
  std::optional<double> nearest_shift(Request request) const;
  std::optional<std::int64_t> nearest_steps(Request request) const;
  std::string problem_of(const Request& request) const;

  Scheduling scheduling_;
  mutable std::set<Choice> known_to_work_;
};

}  // namespace chitu::pipelines
