#pragma once

#include <string>
#include <vector>

namespace chitu {

/// The word as a POSIX shell reads it back: in single quotes where it needs them.
std::string shell_quoted(const std::string& word);

/// A command line to type again.
std::string shell_line(const std::vector<std::string>& words);

}  // namespace chitu
