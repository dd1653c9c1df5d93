#pragma once

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// Whether a merge may add keys.
enum class Struct : bool { open, closed };

/// Merges `source` over `destination` as OmegaConf.merge does: maps are merged key by key, lists
/// are replaced, `???` changes nothing. Before a map is merged over an interpolation to a map, the
/// interpolation becomes a copy of that map.
///
/// root    the tree that interpolations of the destination refer to; may be the destination
/// mode    closed: a key that the destination lacks is an error
/// at      key of the destination, for messages
/// throws  ConfigError for a map over a list or a list over a map, and for such a key
void merge(Node& destination, const Node& source, Node& root, Struct mode = Struct::open,
           std::string_view at = {});

/// OmegaConf.merge of two documents.
Node merged(Node base, const Node& over);

}  // namespace chitu::config
