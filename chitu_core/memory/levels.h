#pragma once

#include <string_view>
#include <vector>

namespace chitu::memory {

/// Levels count from 0.
constexpr int kLevels = 4;

/// The names of the strategies of a low_mem_level (0 to 3), in the order they apply.
const std::vector<std::string_view>& strategies_of_level(int low_mem_level);

}  // namespace chitu::memory
