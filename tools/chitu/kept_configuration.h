#pragma once

#include <string>

#include "chitu_core/config/compose/compose.h"
#include "tools/chitu/run_folder.h"

namespace chitu::tools {

/// The name of the folder for the composed configuration, `.hydra`; empty when switched off.
std::string output_subdir(const config::Composition& composition);

/// Writes the configuration of a run and its overrides to that folder.
///
/// throws  InputError when it cannot be written
void write_configuration(RunFolder& folder, const config::Composition& composition);

}  // namespace chitu::tools
