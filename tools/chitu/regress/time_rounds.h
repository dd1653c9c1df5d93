#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace chitu::tools {

/// Times are ratios to a reference case that runs beside them, never seconds: a slow machine slows
/// both. The rule is that of DuckDB's regression runner: a case fails when five rounds in a row
/// took more than (record + 0.05 s) x 1.1.
inline constexpr int kTimeRounds = 5;
inline constexpr double kTimeSlackSeconds = 0.05, kTimeSlackFactor = 1.1;

struct TimedCase {
  std::size_t index, reference;  ///< of cases
  double recorded_ratio = 0;
};

struct TimeResult {
  double ratio = 0;  ///< of the last round
  double limit = 0;  ///< what it may be at most
  int rounds = 0;
  bool slow = true;
};

/// Seconds of one run of a case.
using TimeCase = std::function<double(std::size_t)>;

/// Measures until a case is within its limit, at most five rounds: a round runs the cases that are
/// still slow, and each of their references once.
std::vector<TimeResult> judge_times(const std::vector<TimedCase>& cases, const TimeCase& time);

/// The median of five rounds for each case, to be recorded.
std::vector<double> measure_ratios(const std::vector<TimedCase>& cases, const TimeCase& time);

}  // namespace chitu::tools
