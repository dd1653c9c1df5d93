#pragma once

#include "tools/chitu/engine_commands.h"

namespace chitu::tools {

/// `chitu plan`: prints what the composed request would take at every low_mem_level.
int plan_command(const EngineCall& call);

}  // namespace chitu::tools
