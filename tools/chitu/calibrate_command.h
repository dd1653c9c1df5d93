#pragma once

#include "tools/chitu/engine_commands.h"

namespace chitu::tools {

/// `chitu calibrate`: measures the machine at hand and writes a file of the group device/profile.
int calibrate_command(const CalibrateCall& call);

}  // namespace chitu::tools
