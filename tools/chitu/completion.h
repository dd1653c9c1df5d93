#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace chitu::tools {

/// `chitu --shell-completion install=SHELL` (or -sc, as Hydra programs have it) prints the lines
/// that teach the shell to complete; `query=SHELL`, which those lines call, prints what the line in
/// the environment variable COMP_LINE may go on with, one candidate a line. Shells: bash, zsh,
/// fish.
///
/// throws  InputError for another action or shell
void completion_command(const std::vector<std::string>& arguments, std::ostream& out);

/// What the last word of the line may become. Never throws for a line that is wrong: there is then
/// nothing to offer.
std::vector<std::string> complete_line(const std::string& line);

}  // namespace chitu::tools
