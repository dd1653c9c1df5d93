#include "pipelines/stages/schedule_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "chitu_core/common/error.h"

namespace chitu::pipelines {
namespace {

constexpr std::int64_t kStepsTried = 16;
/// Range of float32, in powers of ten.
constexpr int kDecades = 83;
constexpr double kLeastShift = 1e-45, kMostShift = 1e38;

}  // namespace

bool ScheduleCheck::works(const Request& request) const {
  return models::stays_finite(*scheduling_.start(request));
}

std::optional<double> ScheduleCheck::nearest_shift(Request request) const {
  const double given = std::clamp(*request.flow_shift, kLeastShift, kMostShift);
  const double towards_one = given < 1 ? 10 : 0.1;
  for (int decade = 0; decade <= kDecades; ++decade) {
    // As printed, because the value in the message must work.
    request.flow_shift = std::stod(fmt::format("{:.3g}", given * std::pow(towards_one, decade)));
    if (works(request)) return request.flow_shift;
  }
  return std::nullopt;
}

std::optional<std::int64_t> ScheduleCheck::nearest_steps(Request request) const {
  const std::int64_t given = request.num_inference_steps;
  for (std::int64_t distance = 1; distance <= kStepsTried; ++distance)
    for (const std::int64_t steps : {given + distance, given - distance}) {
      if (steps < 1) continue;
      request.num_inference_steps = steps;
      try {
        if (works(request)) return steps;
      } catch (const InputError&) {  // more steps than the scheduler has
      }
    }
  return std::nullopt;
}

std::string ScheduleCheck::problem_of(const Request& request) const {
  const std::string what = "gives a schedule with numbers that are not finite";
  const std::string& config = scheduling_.factory->config_name();
  if (request.flow_shift)
    if (const auto nearest = nearest_shift(request))
      return fmt::format("request.flow_shift={}: {}; {} works", *request.flow_shift, what,
                         *nearest);
  if (const auto nearest = nearest_steps(request))
    return fmt::format("request.num_inference_steps={}: {} with {}; {} works",
                       request.num_inference_steps, what, config, *nearest);
  return fmt::format("{}: {} for any request", config, what);
}

void ScheduleCheck::check(const Request& request) const {
  const Choice choice{request.num_inference_steps, request.flow_shift, request.width,
                      request.height};
  if (known_to_work_.contains(choice)) return;
  const bool finite = [&] {
    try {
      return works(request);
    } catch (const InputError& error) {  // about an argument that comes from a field of the request
      throw InputError(std::string("request.") + error.what());
    }
  }();
  if (!finite) throw InputError(problem_of(request));
  known_to_work_.insert(choice);
}

}  // namespace chitu::pipelines
