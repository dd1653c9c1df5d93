#pragma once

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// Adds warnings for what composes but surprises people: a list without `_self_` whose own keys win
/// over those it includes, and a `# @package _global_` experiment that adds a key nobody has.
void note_surprises(Composition& composition);

}  // namespace chitu::config
