#pragma once

#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"
#include "tools/chitu/compose_flags.h"
#include "tools/chitu/config_folders.h"

namespace chitu::tools {

/// What a subcommand composes, from the folders that find_config_folders() names.
///
/// throws  InputError for a folder that does not exist
config::ComposeRequest compose_request(const ComposeFlags& flags, ConfigTrees trees);

/// A hint for an error about a request: a misspelt short form, or a prompt with commas. Empty for
/// other errors.
std::string request_hint(const std::string& message, const std::vector<std::string>& overrides);

/// Errors as the command prints them: one line each, line breaks in the text replaced.
std::string error_lines(const std::vector<std::string>& errors);

}  // namespace chitu::tools
