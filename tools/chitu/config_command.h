#pragma once

#include <iosfwd>

#include "chitu_core/config/compose/compose.h"
#include "tools/chitu/print_flags.h"

namespace chitu::tools {

/// `chitu config`, and `chitu run` with a flag that only prints: composes a configuration and
/// prints it, or explains how it was composed. Warnings go to `err`. For wrong input, nothing is
/// printed on `out`.
///
/// throws  InputError
void config_command(const PrintFlags& flags, const config::ComposeRequest& request,
                    std::ostream& out, std::ostream& err);

}  // namespace chitu::tools
