#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace chitu::tools {

/// The command that decodes what a run has kept and saves it in the folder of the run.
///
/// latents    in that folder
/// flags      as RunCall::compose_flags
/// overrides  of the run, with keys in full
std::string decode_command(const std::filesystem::path& latents,
                           const std::vector<std::string>& flags,
                           const std::vector<std::string>& overrides);

}  // namespace chitu::tools
