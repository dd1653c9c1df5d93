#include "chitu_core/config/override/ranges.h"

#include <cmath>

#include "chitu_core/config/value/decimal.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

[[noreturn]] void too_many() {
  throw ConfigError("the range has more than " + std::to_string(kMaxJobs) + " values");
}

/// Wide enough for every integer of a Node and the sum of two.
__extension__ using Wide = __int128;

Wide wide(const Node& node) {
  return node.is_signed() ? Wide{node.as_integer()} : Wide{node.as_bits()};
}

List integers(Wide start, Wide stop, Wide step) {
  List values;
  for (Wide value = start; step > 0 ? value < stop : value > stop; value += step) {
    if (values.size() >= kMaxJobs) too_many();
    values.push_back(value < 0 ? Node(static_cast<std::int64_t>(value))
                               : Node(static_cast<std::uint64_t>(value)));
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
    // The step is lost to rounding: the sum would never reach the stop.
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
  if (whole) return integers(wide(start), wide(stop), wide(step));
  for (const Node* number : {&start, &stop, &step})
    if (!std::isfinite(number->as_real()))
      throw ConfigError("a range needs finite numbers, got " + show(*number));
  return reals(start.as_real(), stop.as_real(), step.as_real());
}

}  // namespace chitu::config
