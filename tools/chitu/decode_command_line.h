#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace chitu::tools {

/// Takes the file of latents out of the words that are no flags of `chitu decode`. Returns it,
/// absolute.
///
/// throws  InputError when there is none, or more than one
std::filesystem::path take_latents(std::vector<std::string>& words);

/// Refuses overrides of the request, which comes with the latents.
///
/// throws  InputError naming the override
void check_decode_overrides(const std::vector<std::string>& overrides);

}  // namespace chitu::tools
