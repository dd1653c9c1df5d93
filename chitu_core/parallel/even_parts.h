#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace chitu::parallel {

/// A whole in consecutive parts whose sizes differ by at most one, the larger ones first. Parts of
/// a whole smaller than their number are 1 or 0.
constexpr std::int64_t part_count(std::int64_t whole, std::int64_t parts, std::int64_t index) {
  return whole / parts + (index < whole % parts ? 1 : 0);
}

constexpr std::int64_t part_start(std::int64_t whole, std::int64_t parts, std::int64_t index) {
  return whole / parts * index + std::min(index, whole % parts);
}

inline std::vector<std::int64_t> part_counts(std::int64_t whole, std::int64_t parts) {
  std::vector<std::int64_t> counts;
  for (std::int64_t index = 0; index < parts; ++index)
    counts.push_back(part_count(whole, parts, index));
  return counts;
}

}  // namespace chitu::parallel
