#pragma once

#include <string>
#include <vector>

#include "chitu_core/memory/plan.h"

namespace chitu::tools {

/// What `chitu plan --placement` prints: the entries of each memory plan, as YAML or JSON.
std::string to_yaml(const std::vector<memory::MemoryPlan>& plans);
std::string to_json(const std::vector<memory::MemoryPlan>& plans);

}  // namespace chitu::tools
