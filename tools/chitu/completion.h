#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace chitu::tools {

/// `chitu --shell-completion install=SHELL` (or -sc, as in Hydra programs) prints the lines that
/// set up completion in a shell. These lines call `query=SHELL`, which prints what the line in the
/// environment variable COMP_LINE may continue with, one candidate a line. Shells: bash, zsh, fish.
///
/// throws  InputError for another action or shell
void completion_command(const std::vector<std::string>& arguments, std::ostream& out);

/// What the last word of the line may become. Never throws: a line with a mistake has no
/// candidates.
std::vector<std::string> complete_line(const std::string& line);

}  // namespace chitu::tools
