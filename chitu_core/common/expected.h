#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chitu {

/// For a name that is none of the known ones: "expected one of a, b, c", and ", did you mean b?"
/// where one is near.
std::string expected_one_of(std::string_view name, const std::vector<std::string>& known);

/// ", did you mean b?", or where none is near, ", expected one of a, b, c"; empty where none is
/// known.
std::string near_or_all(std::string_view name, const std::vector<std::string>& known);

}  // namespace chitu
