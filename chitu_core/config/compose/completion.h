#pragma once

#include <functional>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// The values of a key that has a short list of them; empty for any other key.
using ValueChoices = std::function<std::vector<std::string>(const std::string& key)>;

/// The completions of a partly typed override, sorted. Before the equals sign: keys (`key=`, or
/// `key.` when it has keys below) and groups (`db=`, or `db/` when it has groups inside). After it:
/// the options of the group, the choices of the value, or its current value. A leading `+`, `++` or
/// `~` is kept. The overrides of the request are applied first, unless they do not compose.
///
/// Source: the candidates of Hydra's shell completion.
std::vector<std::string> complete_override(const ComposeRequest& request, const std::string& word,
                                           const ValueChoices& choices = {});

}  // namespace chitu::config
