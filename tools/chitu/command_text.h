#pragma once

#include <string>
#include <vector>

namespace chitu::tools {

/// Words as a shell takes them, in quotes where they need them.
std::string shell_text(const std::vector<std::string>& words);

/// The command line of this process as a shell takes it, beginning with `chitu`.
std::string own_command();

}  // namespace chitu::tools
