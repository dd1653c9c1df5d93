#pragma once

#include <string>

namespace chitu::io {

/// A name from a file for an error message: in quotes, control characters escaped, shortened if it
/// is very long.
std::string quoted_name(const std::string& name);

}  // namespace chitu::io
