#include "chitu_core/config/ranges.h"

#include <cmath>

#include "chitu_core/config/decimal.h"
#include "chitu_core/config/error.h"
#include "chitu_core/config/limits.h"
#include "chitu_core/config/text.h"

namespace chitu::config {
namespace {

[[noreturn]] void too_many() {
  throw ConfigError("the range has more than " + std::to_string(kMaxJobs) + " values");
}

List integers(std::int64_t start, std::int64_t stop, std::int64_t step) {
  List values;
  for (std::int64_t value = start; step > 0 ? value < stop : value > stop;) {
    if (values.size() >= kMaxJobs) too_many();
    values.emplace_back(value);
    if (__builtin_add_overflow(value, step, &value)) break;
  }
  return values;
}

List reals(double start, double stop, double step) {
  List values;
  const Decimal end(stop), stride(step);
  Decimal value(start);
  while (step > 0 ? value.compare(end) < 0 : value.compare(end) > 0) {
    if (values.size() >= kMaxJobs) too_many();
    values.emplace_back(value.to_double());
    Decimal next = value + stride;
    // A step below the last digit would never arrive.
    if (next.compare(value) == 0) too_many();
    value = std::move(next);
  }
  return values;
}

}  // namespace

List range_values(const Node& start, const Node& stop, const Node& step) {
  if (step.as_real() == 0) throw ConfigError("the step of a range must not be 0");
  const bool whole =
      start.kind() == Kind::integer && stop.kind() == Kind::integer && step.kind() == Kind::integer;
  if (whole) return integers(start.as_integer(), stop.as_integer(), step.as_integer());
  for (const Node* number : {&start, &stop, &step})
    if (!std::isfinite(number->as_real()))
      throw ConfigError("a range needs finite numbers, got " + show(*number));
  return reals(start.as_real(), stop.as_real(), step.as_real());
}

}  // namespace chitu::config
