#include "chitu_core/cache/params.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"

namespace chitu::cache {
namespace {

std::string text_of(const ParamValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  return fmt::format("[{}]", fmt::join(std::get<std::vector<double>>(value), ", "));
}

std::string expectation(const ParamSpec& spec) {
  const char* kind = spec.kind == ParamSpec::Kind::integer   ? "an integer from"
                     : spec.kind == ParamSpec::Kind::numbers ? "a list of numbers from"
                                                             : "a number from";
  if (spec.kind == ParamSpec::Kind::flag) return "true or false";
  return fmt::format("{} {} to {}", kind, spec.least, spec.most);
}

bool fits(const ParamSpec& spec, double number) {
  const bool whole = spec.kind != ParamSpec::Kind::integer || number == std::floor(number);
  return whole && number >= spec.least && number <= spec.most;
}

bool fits(const ParamSpec& spec, const ParamValue& value) {
  if (spec.kind == ParamSpec::Kind::flag) return std::holds_alternative<bool>(value);
  if (spec.kind == ParamSpec::Kind::numbers) {
    const auto* numbers = std::get_if<std::vector<double>>(&value);
    return numbers && !numbers->empty() &&
           std::ranges::all_of(*numbers, [&](double number) { return fits(spec, number); });
  }
  const auto* number = std::get_if<double>(&value);
  return number && fits(spec, *number);
}

}  // namespace

std::string param_key(const std::string& name) { return fmt::format("{}.{}", kParamsKey, name); }

void check_params(const std::string& cache, const std::vector<ParamSpec>& specs,
                  const Params& params) {
  std::vector<std::string> names;
  for (const ParamSpec& spec : specs) names.push_back(spec.name);
  for (const auto& [name, value] : params) {
    const auto spec = std::ranges::find(specs, name, &ParamSpec::name);
    if (spec == specs.end())
      throw InputError(fmt::format("{}: {} has no such parameter, {}", param_key(name), cache,
                                   expected_one_of(name, names)));
    if (!fits(*spec, value))
      throw InputError(
          fmt::format("{}={}: expected {}", param_key(name), text_of(value), expectation(*spec)));
  }
}

std::optional<std::int64_t> ParamReader::integer(const std::string& name) const {
  const auto given = number(name);
  return given ? std::optional(static_cast<std::int64_t>(*given)) : std::nullopt;
}

}  // namespace chitu::cache
