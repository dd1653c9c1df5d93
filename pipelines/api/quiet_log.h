#pragma once

namespace chitu::api {

/// Sends the messages of chitu where set_log() says, which is at first: warnings and errors to
/// standard error. Without it, spdlog's default logger would write them to the program's standard
/// output. Further calls do nothing.
void log_quietly();

}  // namespace chitu::api
