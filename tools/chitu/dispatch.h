#pragma once

#include "tools/chitu/engine_library.h"
#include "tools/chitu/subcommand.h"

namespace chitu::tools {

/// What `chitu --help` prints: the subcommands by group, as they are registered.
std::string usage();

/// Carries out a command line, without the program's name: a subcommand, or --help, --version or
/// --shell-completion. Without a subcommand it is `run`. Returns the exit code.
///
/// throws  InputError for an unknown subcommand; what the subcommand throws
int dispatch(Words arguments, EngineLibrary& engine);

}  // namespace chitu::tools
