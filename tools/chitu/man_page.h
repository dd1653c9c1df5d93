#pragma once

#include <string>

namespace chitu::tools {

/// The page `chitu(1)` in roff, from the registered subcommands: `chitu --man-page`, which the
/// build writes to share/man/man1/chitu.1.
std::string man_page();

}  // namespace chitu::tools
