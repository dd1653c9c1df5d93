#pragma once

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace chitu::cache {

/// The value of a parameter: a switch, a number or a list of numbers.
using ParamValue = std::variant<bool, double, std::vector<double>>;
/// Parameters of a cache by name; those left out have their defaults.
using Params = std::map<std::string, ParamValue>;

/// A cache as a request asks for it.
struct Choice {
  std::string name;  ///< in Registry<Cache>
  Params params{};
  bool operator==(const Choice&) const = default;
};

}  // namespace chitu::cache
