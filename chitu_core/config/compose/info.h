#pragma once

#include <string>

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// What `--info KIND` prints: all, config, defaults, defaults-tree or searchpath. Throws
/// ConfigError for another kind.
std::string info_text(const Composition& composition, const std::string& kind);

/// The same as data, for `--info KIND --format json`.
Node info_data(const Composition& composition, const std::string& kind);

/// The groups and options of a search path that are not Hydra's own, one line each.
std::string group_list(const Composition& composition, bool of_hydra);

}  // namespace chitu::config
