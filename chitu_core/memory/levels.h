#pragma once

#include <string_view>
#include <vector>

namespace chitu::memory {

/// The names of the strategies that a low_mem_level (0 to 3) stands for, in the order they apply.
const std::vector<std::string_view>& strategies_of_level(int low_mem_level);

}  // namespace chitu::memory
