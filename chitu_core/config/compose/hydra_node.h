#pragma once

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/override/override.h"

namespace chitu::config {

/// Throws ConfigError when a file sets a key that the `hydra` node does not have, with the nearest
/// one. `hydra` is the part of a file that goes to the node.
void check_hydra_keys(const Node& hydra);

/// Brings the composed `hydra` node to the types of its schema: `hydra.job.name=5` is "5". Throws
/// ConfigError for a value that cannot be.
void convert_hydra_node(Node& hydra);

/// Fills what only composing knows: overrides, choices, the job's name, the working directory, the
/// search path.
void fill_hydra_node(Composition& composition, const ComposeRequest& request,
                     const std::vector<Override>& overrides);

}  // namespace chitu::config
