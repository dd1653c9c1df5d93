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

bool ScheduleCheck::works(const Choice& choice) const {
  const auto walk = scheduler_->make(choice.second);
  walk->set_timesteps(choice.first);
  return models::stays_finite(*walk);
}

std::optional<double> ScheduleCheck::nearest_shift(const Choice& choice) const {
  const double given = std::clamp(*choice.second, kLeastShift, kMostShift);
  const double towards_one = given < 1 ? 10 : 0.1;
  for (int decade = 0; decade <= kDecades; ++decade) {
    // As printed, because the value in the message must work.
    const double tried = std::stod(fmt::format("{:.3g}", given * std::pow(towards_one, decade)));
    if (works({choice.first, tried})) return tried;
  }
  return std::nullopt;
}

std::optional<std::int64_t> ScheduleCheck::nearest_steps(const Choice& choice) const {
  for (std::int64_t distance = 1; distance <= kStepsTried; ++distance)
    for (const std::int64_t steps : {choice.first + distance, choice.first - distance}) {
      if (steps < 1) continue;
      try {
        if (works({steps, choice.second})) return steps;
      } catch (const InputError&) {  // more steps than the scheduler has
      }
    }
  return std::nullopt;
}

std::string ScheduleCheck::problem_of(const Choice& choice) const {
  const auto& [steps, shift] = choice;
  const std::string what = "gives a schedule with numbers that are not finite";
  if (shift)
    if (const auto nearest = nearest_shift(choice))
      return fmt::format("request.flow_shift={}: {}; {} works", *shift, what, *nearest);
  if (const auto nearest = nearest_steps(choice))
    return fmt::format("request.num_inference_steps={}: {} with {}; {} works", steps, what,
                       scheduler_->config_name(), *nearest);
  return fmt::format("{}: {} for any request", scheduler_->config_name(), what);
}

void ScheduleCheck::check(const Request& request) const {
  const Choice choice{request.num_inference_steps, request.flow_shift};
  if (known_to_work_.contains(choice)) return;
  const bool finite = [&] {
    try {
      return works(choice);
    } catch (const InputError& error) {  // about an argument that comes from a field of the request
      throw InputError(std::string("request.") + error.what());
    }
  }();
  if (!finite) throw InputError(problem_of(choice));
  known_to_work_.insert(choice);
}

}  // namespace chitu::pipelines
