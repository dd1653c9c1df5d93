#pragma once

#include <filesystem>

namespace chitu::pipelines {

/// The folder that holds config/ and assets/: a folder above this library, or share/chitu in one of
/// them: the source tree, or the prefix that chitu is installed in.
///
/// throws  Error when neither exists
std::filesystem::path data_folder();

/// Registers the resolvers `${chitu:assets}` and `${chitu:config}`, which the shipped
/// configurations use. Further calls change nothing.
void register_chitu_resolver();

}  // namespace chitu::pipelines
