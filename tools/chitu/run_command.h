#pragma once

#include "tools/chitu/engine_commands.h"

namespace chitu::tools {

/// `chitu run`: generates what the configuration asks for. Prints the paths of the media on
/// standard output. Returns the exit code.
///
/// throws  InputError and others; wrong input leaves nothing behind
int run_command(const EngineCall& call);

/// Opens the checkpoint and checks the request as run_command does, without running. Returns 0.
///
/// throws  InputError
int check_command(const EngineCall& call);

}  // namespace chitu::tools
