#pragma once

#include <string>
#include <vector>

#include "chitu_core/io/json.h"

namespace chitu::models {

/// A scheduler's config without the keys of other diffusers schedulers. A scheduler that was
/// converted from another class saves that class's keys as well; diffusers ignores them. So does
/// this function, and logs one line. Unknown keys stay, for the reader to reject.
///
/// known  keys of the scheduler itself
io::JsonObject without_foreign_keys(const io::JsonObject& config,
                                    const std::vector<std::string>& known,
                                    const std::string& class_name);

}  // namespace chitu::models
