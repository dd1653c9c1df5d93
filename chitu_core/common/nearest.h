#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chitu {

/// The candidates closest to `name` by edit distance (insert, delete, replace, swap of neighbours),
/// nearest first, at most `most`; empty when none is near enough to be a slip of the hand.
std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates,
                                 std::size_t most = 3);

/// ", did you mean a, b?" from nearest(), or the empty string.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

/// The items between commas: "a, b, c".
std::string join(const std::vector<std::string>& items, std::string_view separator = ", ");

}  // namespace chitu
