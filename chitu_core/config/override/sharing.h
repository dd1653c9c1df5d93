#pragma once

#include <cstdint>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// Hydra does not copy a config that it merges into the root: the root then shares its maps and
/// lists. If the defaults lists use the config again, it contains what other configs merged into it
/// meanwhile. These functions reproduce that.

/// Gives each map and list below `content` a new identity, counting `next` up.
void identify(Node& content, std::uint32_t& next);

/// Removes the identities, for a copy under a package.
void forget_identities(Node& content);

/// Replaces each map and list of `content` by the node of the same identity in `root`.
void refresh(Node& content, const Node& root);

}  // namespace chitu::config
