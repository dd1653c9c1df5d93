#pragma once

#include <cstdint>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// In Hydra a configuration that is merged into the root is not copied: its maps and lists become
/// the root's. When the defaults lists use the same configuration again, it brings along what later
/// configurations merged into them. These functions keep that.

/// Gives each map and list below `content` an identity, counted up from `next`.
void identify(Node& content, std::uint32_t& next);

/// Takes the identities away: for a copy under a package.
void forget_identities(Node& content);

/// Replaces each map and list of `content` by what became of it in `root`.
void refresh(Node& content, const Node& root);

}  // namespace chitu::config
