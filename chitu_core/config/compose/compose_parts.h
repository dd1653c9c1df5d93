#pragma once

#include <vector>

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/override/override.h"

namespace chitu::config {

/// The two halves of compose(). The first reads files; its result depends only on the overrides
/// that choose groups and on hydra.searchpath. Requests that differ in values share it.

/// Parses the overrides of a request, then its `texts`.
std::vector<Override> parse_overrides(const ComposeRequest& request);

/// The merged files, before any override sets a value.
struct MergedDefaults {
  Composition composition;  ///< `config` is empty; the `hydra` node as in the files
  std::vector<const Override*> value_overrides;  ///< those of the given overrides that set values
};

/// Reads and merges the files that the defaults lists and the overrides choose.
MergedDefaults merge_defaults(const ComposeRequest& request,
                              const std::vector<Override>& overrides);

/// Applies the value overrides and fills the `hydra` node and `config`.
void set_values(Composition& composition, const ComposeRequest& request,
                const std::vector<Override>& overrides,
                const std::vector<const Override*>& value_overrides);

}  // namespace chitu::config
