#pragma once

#include <vector>

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/override/override.h"

namespace chitu::config {

/// compose() in its parts, for requests that differ in values alone: what the files give depends on
/// the overrides that choose groups and on hydra.searchpath, never on the value of a key.

/// The overrides of a request, parsed; `texts` come last.
std::vector<Override> parse_overrides(const ComposeRequest& request);

/// What the files give, before any override has set a value.
struct MergedDefaults {
  Composition
      composition;  ///< without overrides and `config`; the `hydra` node as the files have it
  std::vector<const Override*> value_overrides;  ///< of those given, the ones that set values
};

/// Reads and merges the files that the defaults lists and the overrides choose.
MergedDefaults merge_defaults(const ComposeRequest& request,
                              const std::vector<Override>& overrides);

/// Sets the values and fills the `hydra` node: what merge_defaults gave becomes a composition.
void set_values(Composition& composition, const ComposeRequest& request,
                const std::vector<Override>& overrides,
                const std::vector<const Override*>& value_overrides);

}  // namespace chitu::config
