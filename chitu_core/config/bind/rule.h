#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::config {

/// What a field accepts beyond its type. && combines rules; a list applies its rule to each item.
struct Rule {
  std::optional<double> least;
  std::optional<double> most;
  bool above_least = false;  ///< `least` itself is not allowed
  std::optional<std::int64_t> multiple;
  std::vector<std::string> choices;
  bool described_only = false;  ///< accepts everything; only documents what is expected

  bool empty() const;
  bool holds(double number) const;
  bool holds(std::int64_t number) const;
  bool holds(std::string_view text) const;

  /// "0 to 3", "at least 16, a multiple of 16", "one of a, b, c"; "" when empty.
  std::string expected() const;
};

Rule between(double least, double most);  ///< both ends allowed
Rule at_least(double least);
Rule more_than(double least);
Rule multiple_of(std::int64_t factor);
Rule one_of(std::vector<std::string> choices);

/// A rule that is only documented: the value is checked elsewhere, where more is known.
Rule described(Rule rule);

Rule operator&&(Rule a, const Rule& b);

}  // namespace chitu::config
