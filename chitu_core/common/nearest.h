#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chitu {

/// The candidates that `name` may be a slip of the hand for, nearest first, at most `most`.
///
/// Near is: one edit (insert, delete, replace, swap of neighbours), or as many as a third of the
/// longer name's characters, but never all of the shorter one's; or `name` is a word of the
/// candidate, as frames is of num_frames. Case does not count, nor the part of a dotted path that
/// both share.
std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates,
                                 std::size_t most = 3);

/// ", did you mean a, b?" from nearest(), or the empty string.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

/// The items between commas: "a, b, c".
std::string join(const std::vector<std::string>& items, std::string_view separator = ", ");

}  // namespace chitu
