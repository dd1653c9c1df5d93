#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/config/compose.h"

namespace chitu::tools {

/// What the flags of a command that composes a configuration say.
struct ComposeFlags {
  std::string config_path;  ///< folder of the primary config; empty = the one that chitu ships
  std::string config_dir;   ///< a further folder to look in
  std::string config_name = "chitu";
  std::optional<std::string> prompt;           ///< --prompt TEXT, taken literally
  std::optional<std::string> negative_prompt;  ///< --negative-prompt TEXT
  std::vector<std::string> overrides;

  /// Short forms written out, search path built.
  config::ComposeRequest request() const;
};

/// `prompt=...` and its siblings stand for `request.prompt=...`; everything else is as typed.
std::string expand_short_form(const std::string& override);

/// What to type instead, for a mistake in composing that is about a request: a short form misspelt,
/// a prompt with commas. Empty when there is nothing to add.
std::string request_hint(const std::string& message, const std::vector<std::string>& overrides);

/// The folder that holds config/ and assets/: above the executable in a source tree, or
/// <prefix>/share/chitu.
///
/// throws  Error when neither is there
std::filesystem::path data_folder();

/// Makes `${chitu:assets}` and `${chitu:config}` known to configurations.
void register_chitu_resolver();

}  // namespace chitu::tools
