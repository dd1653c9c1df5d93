#pragma once

#include <string>

#include "tools/chitu/compose_flags.h"
#include "tools/chitu/config_folders.h"
#include "tools/chitu/flags.h"
#include "tools/chitu/subcommand.h"

namespace chitu::tools {

/// Candidates for a word of a subcommand that composes: flags and their values, groups, options,
/// keys and values.
///
/// flags    write into `options`
/// before   the complete words of the line, without program and subcommand
/// throws   InputError for a line with a mistake
Words complete_composing(const Flags& flags, ComposeFlags& options, ConfigTrees trees,
                         const Words& before, const std::string& typed);

}  // namespace chitu::tools
