#pragma once

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// Warns about common mistakes that compose without an error: a defaults list without `_self_`,
/// where the file overrides what it includes; and a `# @package _global_` experiment that misspells
/// a key.
void note_surprises(Composition& composition);

}  // namespace chitu::config
