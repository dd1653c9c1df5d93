#pragma once

#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// Applies one override to a composed tree as Hydra does: `k=v` needs the key, `+k=v` adds it,
/// `++k=v` does either, `~k` deletes. Throws ConfigError with the override, the nearest key and
/// what to type instead; `+k=v` is suggested only with `new_keys`.
void apply_override(Node& root, const Override& given, bool new_keys = true);

}  // namespace chitu::config
