#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// The values that a key may take, when they are a short list; empty for any other key.
using ValueChoices = std::function<std::vector<std::string>(const std::string& key)>;

/// What an override that begins like `word` may become, sorted: keys (one that has more below it
/// ends in a dot, else in `=`), groups (`db=`, or `db/` when there are groups inside), and after
/// the equals sign the options of a group, the choices of a value, else the value it has. A leading
/// `+`, `++` or `~` stays. The other overrides are applied first where they compose.
///
/// Source: the candidates of Hydra's shell completion.
std::vector<std::string> complete_override(const ComposeRequest& request, const std::string& word,
                                           const ValueChoices& choices = {});

}  // namespace chitu::config
