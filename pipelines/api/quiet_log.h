#pragma once

namespace chitu::api {

/// Sends what chitu logs where set_log() says, at first: warnings and errors to standard error.
/// Without it, messages go where spdlog's default logger sends them: standard output, which is the
/// program's. Further calls do nothing.
void log_quietly();

}  // namespace chitu::api
