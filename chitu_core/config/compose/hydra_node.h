#pragma once

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/override/override.h"

namespace chitu::config {

/// Throws ConfigError, with the nearest key, when a file sets an unknown key of the `hydra` node.
/// `hydra` is the part of the file below that node.
void check_hydra_keys(const Node& hydra);

/// Converts the composed `hydra` node to the types of its schema: `hydra.job.name=5` is "5". Throws
/// ConfigError for a value that does not convert.
void convert_hydra_node(Node& hydra);

/// Fills in what is known only after composing: overrides, choices, job name, working directory,
/// search path.
void fill_hydra_node(Composition& composition, const ComposeRequest& request,
                     const std::vector<Override>& overrides);

}  // namespace chitu::config
