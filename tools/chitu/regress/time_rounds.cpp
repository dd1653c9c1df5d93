#include "tools/chitu/regress/time_rounds.h"

#include <algorithm>
#include <map>

namespace chitu::tools {
namespace {

/// Seconds of the cases of one round; each runs once, whatever it is the reference of.
class Round {
 public:
  explicit Round(const TimeCase& time) : time_(time) {}
  double seconds(std::size_t index) {
    const auto [found, is_new] = seconds_.emplace(index, 0);
    if (is_new) found->second = time_(index);
    return found->second;
  }

 private:
  const TimeCase& time_;
  std::map<std::size_t, double> seconds_;
};

void measure(const TimedCase& timed, Round& round, TimeResult& result) {
  const double reference = round.seconds(timed.reference);
  result.ratio = round.seconds(timed.index) / reference;
  result.limit = (timed.recorded_ratio + kTimeSlackSeconds / reference) * kTimeSlackFactor;
  result.slow = result.ratio > result.limit;
  ++result.rounds;
}

}  // namespace

std::vector<TimeResult> judge_times(const std::vector<TimedCase>& cases, const TimeCase& time) {
  std::vector<TimeResult> results(cases.size());
  for (int i = 0; i < kTimeRounds; ++i) {
    Round round(time);
    for (std::size_t k = 0; k < cases.size(); ++k)
      if (results[k].slow) measure(cases[k], round, results[k]);
  }
  return results;
}

std::vector<double> measure_ratios(const std::vector<TimedCase>& cases, const TimeCase& time) {
  std::vector<std::vector<double>> ratios(cases.size());
  for (int i = 0; i < kTimeRounds; ++i) {
    Round round(time);
    for (std::size_t k = 0; k < cases.size(); ++k)
      ratios[k].push_back(round.seconds(cases[k].index) / round.seconds(cases[k].reference));
  }
  std::vector<double> medians;
  for (auto& measured : ratios) {
    std::ranges::nth_element(measured, measured.begin() + kTimeRounds / 2);
    medians.push_back(measured[kTimeRounds / 2]);
  }
  return medians;
}

}  // namespace chitu::tools
