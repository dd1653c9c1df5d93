#pragma once

#include <string>
#include <vector>

#include "chitu_core/io/json.h"

namespace chitu::models {

/// A scheduler's config without the keys that other schedulers of diffusers have and this one does
/// not. A scheduler that was made from another one's config saves them along, and diffusers passes
/// over them; so does this, with a line in the log. Other keys stay, for the reader to refuse.
///
/// known  keys of the scheduler itself
io::JsonObject without_foreign_keys(const io::JsonObject& config,
                                    const std::vector<std::string>& known,
                                    const std::string& class_name);

}  // namespace chitu::models
