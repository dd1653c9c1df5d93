#pragma once

#include <string>

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// What `--info KIND` prints: all, config, defaults, defaults-tree or searchpath. Throws
/// ConfigError for another kind.
std::string info_text(const Composition& composition, const std::string& kind);

/// The same as a tree, for `--info KIND --format json`.
Node info_data(const Composition& composition, const std::string& kind);

/// The groups of the search path with their options, one line each: Hydra's own or the others.
std::string group_list(const Composition& composition, bool of_hydra);

}  // namespace chitu::config
