#pragma once

#include <string>

namespace chitu::tools {

/// The command line of this process, to type again.
std::string own_command();

}  // namespace chitu::tools
