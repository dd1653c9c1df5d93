#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chitu {

/// The candidates that `name` may be a misspelling of, nearest first, at most `most`.
///
/// A candidate is near at an edit distance (insert, delete, replace, swap of neighbours) of 1, or
/// up to a third of the characters of the longer name, but below the length of the shorter one; or
/// if `name` is one of its words, as frames is of num_frames. Ignores case and the part of a dotted
/// path that both share.
std::vector<std::string> nearest(std::string_view name, const std::vector<std::string>& candidates,
                                 std::size_t most = 3);

/// ", did you mean a, b?" from nearest(), or the empty string.
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

/// "a, b, c".
std::string join(const std::vector<std::string>& items, std::string_view separator = ", ");

/// The first items; where there are more than `most`, the last says "and 3 more".
std::vector<std::string> first_few(const std::vector<std::string>& items, std::size_t most);

}  // namespace chitu
