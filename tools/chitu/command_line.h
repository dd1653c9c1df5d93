#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"
#include "tools/chitu/compose_flags.h"
#include "tools/chitu/config_folders.h"

namespace chitu::tools {

/// What a subcommand composes, from the folders that find_config_folders() names.
///
/// throws  InputError for a folder that is not there
config::ComposeRequest compose_request(const ComposeFlags& flags, ConfigTrees trees);

/// The keys of a request that may be written without `request.`.
const std::vector<std::string>& short_forms();

/// `prompt=...` and its siblings stand for `request.prompt=...`; everything else is as typed.
std::string expand_short_form(const std::string& override);

/// What to type instead, for a mistake in composing that is about a request: a short form misspelt,
/// a prompt with commas. Empty when there is nothing to add.
std::string request_hint(const std::string& message, const std::vector<std::string>& overrides);

/// Errors as the command prints them: a line each, whatever the texts hold.
std::string error_lines(const std::vector<std::string>& errors);

/// The folder that holds config/ and assets/: above the executable in a source tree, or
/// <prefix>/share/chitu.
///
/// throws  Error when neither is there
std::filesystem::path data_folder();

/// Makes `${chitu:assets}` and `${chitu:config}` known to configurations.
void register_chitu_resolver();

}  // namespace chitu::tools
