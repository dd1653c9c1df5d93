#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::tools {

/// Whether an override with its key in full sets something in one of these groups, or chooses their
/// options.
bool is_of_group(const std::string& override, std::initializer_list<std::string_view> groups);

/// The command that decodes what a run has kept and saves it in the folder of the run.
///
/// latents    in that folder
/// flags      as RunCall::compose_flags
/// overrides  of the run, with keys in full
std::string decode_command(const std::filesystem::path& latents,
                           const std::vector<std::string>& flags,
                           const std::vector<std::string>& overrides);

}  // namespace chitu::tools
