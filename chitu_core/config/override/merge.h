#pragma once

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// Whether a merge may add keys that the destination lacks.
enum class Struct : bool { open, closed };

/// Merges `source` over `destination` as OmegaConf.merge does: maps deeply, lists replaced, `???`
/// leaves what is there, an interpolation to a map becomes a copy of that map before another map is
/// merged over it. `root` is the tree that interpolations of the destination read (destination
/// itself at the top). Throws ConfigError for a map over a list and a list over a map, and for an
/// unknown key when the destination is closed; `at` is the destination's key, for the message.
void merge(Node& destination, const Node& source, Node& root, Struct mode = Struct::open,
           std::string_view at = {});

/// OmegaConf.merge of two documents.
Node merged(Node base, const Node& over);

}  // namespace chitu::config
